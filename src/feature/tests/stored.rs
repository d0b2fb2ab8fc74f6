//! The file of rows beside a table: made once, made anew when the table changes, and never trusted.

use std::io::Write;

use super::*;

fn rows_file(world: &World) -> PathBuf {
    world.out().join("global.rows")
}

fn load(world: &World) -> Result<Loaded> {
    world.open().load(&LoadOptions::new(Task::Expression))
}

fn values(loaded: &Loaded) -> Result<Vec<f32>> {
    Ok(loaded.sets.train.global.all()?.data)
}

#[test]
fn rows_come_in_any_order_and_as_often_as_asked_for() {
    let world = World::new(24);
    world.extract();
    let train = load(&world).unwrap().sets.train.global;
    let all = train.all().unwrap();
    let wanted = [3, 4, 5, 0, 0, 7, 2];
    assert_eq!(train.gather(wanted).unwrap(), all.select(&wanted));
    let some = train.select(&wanted);
    assert_eq!(some.all().unwrap(), all.select(&wanted));
    assert_eq!(some.read(1..3).unwrap(), all.select(&[4, 5]));
    assert_eq!(some.select(&[6, 1]).all().unwrap(), all.select(&[2, 4]));
    assert_ne!(some.digest(), train.digest());
    let mut blocks = train.blocks();
    assert_eq!((blocks.next(), blocks.next()), (Some(0..train.len()), None));
}

/// Says 40,000 values of which each names its image and its column.
struct Wide;

impl Wide {
    const WIDTH: usize = 40_000;

    fn row(image: usize) -> Vec<f32> {
        (0..Self::WIDTH)
            .map(|column| ((7 * image + column) % 2_001) as f32)
            .collect()
    }
}

impl Encoder for Wide {
    fn name(&self) -> &'static str {
        "wide"
    }

    fn describe(&self) -> Value {
        json!({"kind": "wide"})
    }

    fn global_dim(&self) -> usize {
        Self::WIDTH
    }

    fn tokens(&self) -> Option<TokenShape> {
        None
    }

    fn prepare(&self, image: &RgbImage) -> Result<RgbImage> {
        Ok(image.clone())
    }

    fn forward(&self, prepared: &[RgbImage]) -> Result<Vec<Encoded>> {
        let said = |image: &RgbImage| Encoded {
            global: Self::row(usize::from(image.get_pixel(0, 0).0[0])),
            tokens: None,
        };
        Ok(prepared.iter().map(said).collect())
    }
}

/// Rows that several threads read, and whose numbers are decoded in several turns.
#[test]
fn many_values_come_in_their_places() {
    let world = World::new(24);
    world.extract_with(&Wide, &FeaturesConfig::default()).unwrap();
    let train = load(&world).unwrap().sets.train;
    let images = ids(&train);
    let longest = images
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| run.len() * Wide::WIDTH * 2)
        .max();
    assert!(longest > Some(1 << 18), "one thread could read {longest:?} bytes");
    let all = train.global.all().unwrap();
    for (at, &image) in images.iter().enumerate() {
        assert!(all.row(at) == Wide::row(image), "image {image}");
    }
}

#[test]
fn a_file_is_made_once_and_anew_when_the_table_changes() {
    let world = World::new(24);
    world.extract();
    let before = values(&load(&world).unwrap()).unwrap();
    let made = std::fs::metadata(rows_file(&world)).unwrap().modified().unwrap();
    let digest = load(&world).unwrap().sets.train.global.digest();
    assert_eq!(std::fs::metadata(rows_file(&world)).unwrap().modified().unwrap(), made);

    // The same table extracted again is the same table, whatever its date.
    std::fs::remove_file(part_path(&world.out(), 0)).unwrap();
    world.extract();
    let again = load(&world).unwrap();
    assert_eq!(std::fs::metadata(rows_file(&world)).unwrap().modified().unwrap(), made);
    assert_eq!(
        (values(&again).unwrap(), again.sets.train.global.digest()),
        (before.clone(), digest)
    );
    std::fs::copy(world.image(20), world.image(2)).unwrap();
    std::fs::remove_file(part_path(&world.out(), 0)).unwrap();
    world.extract();
    assert_ne!(values(&load(&world).unwrap()).unwrap(), before);
    assert_ne!(std::fs::metadata(rows_file(&world)).unwrap().modified().unwrap(), made);
}

#[test]
fn a_damaged_file_is_made_anew_or_named() {
    let world = World::new(24);
    world.extract();
    let before = values(&load(&world).unwrap()).unwrap();
    let whole = std::fs::read(rows_file(&world)).unwrap();
    // Cut short, longer, another header, another ledger: nothing of it is used.
    let cut = whole[..whole.len() - 1].to_vec();
    let longer = [whole.clone(), vec![0; 4]].concat();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bytes in [
        Vec::new(),
        cut,
        longer,
        flipped(9),
        flipped(whole.len() - 40),
        flipped(whole.len() - 1),
    ] {
        std::fs::write(rows_file(&world), bytes).unwrap();
        assert_eq!(values(&load(&world).unwrap()).unwrap(), before);
        assert_eq!(std::fs::read(rows_file(&world)).unwrap(), whole);
    }
    // A flipped bit among the values is found when its row is read; the file goes, and is made anew by the next call.
    std::fs::write(rows_file(&world), flipped(64)).unwrap();
    let error = values(&load(&world).unwrap()).unwrap_err().to_string();
    assert!(
        error.contains("row 0 is damaged") && error.contains("it was removed"),
        "{error}"
    );
    assert!(!rows_file(&world).exists());
    assert_eq!(values(&load(&world).unwrap()).unwrap(), before);
    // A file that is cut short while it is read is an error, not a signal.
    std::fs::write(rows_file(&world), &whole).unwrap();
    let loaded = load(&world).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(rows_file(&world))
        .unwrap()
        .set_len(80)
        .unwrap();
    assert!(values(&loaded).is_err());
}

#[test]
fn where_no_file_can_be_written_values_are_held_in_memory() {
    let world = World::new(24);
    world.extract();
    let before = values(&load(&world).unwrap()).unwrap();
    std::fs::remove_file(rows_file(&world)).unwrap();
    // A folder of that name stands in the way, whoever runs the test.
    std::fs::create_dir(rows_file(&world)).unwrap();
    let mut inside = std::fs::File::create(rows_file(&world).join("file")).unwrap();
    inside.write_all(b"in the way").unwrap();
    assert_eq!(values(&load(&world).unwrap()).unwrap(), before);
}

#[test]
fn making_a_file_can_be_interrupted_and_leaves_nothing() {
    let world = World::new(24);
    world.extract();
    let options = LoadOptions {
        interrupt: Interrupt::at_look(2),
        ..LoadOptions::new(Task::Expression)
    };
    assert!(matches!(world.open().load(&options), Err(Error::Interrupted)));
    assert!(!rows_file(&world).exists());
    assert!(load(&world).is_ok());
}
