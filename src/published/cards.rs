//! Cards of the databases that rules ask about.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::dataset::Card;

/// Databases' cards, each read once.
#[derive(Debug, Default)]
pub(super) struct Cards(RefCell<BTreeMap<String, Rc<Card>>>);

impl Cards {
    /// The card of a name; what is wrong with it otherwise.
    pub(super) fn get(&self, name: &str) -> Result<Rc<Card>, String> {
        if let Some(card) = self.0.borrow().get(name) {
            return Ok(Rc::clone(card));
        }
        let card = Rc::new(Card::load(name).map_err(|error| error.to_string())?);
        self.0.borrow_mut().insert(name.to_owned(), Rc::clone(&card));
        Ok(card)
    }
}
