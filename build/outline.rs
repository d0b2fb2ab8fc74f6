//! What one source file says, before anything is known of the others: its modules, the names that it defines and imports,
//! the paths in its code, and the code itself. Tests are left out.

use proc_macro2::Span;
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ImplItem, Item, Meta, Stmt, TraitItem, UseTree};

use super::tokens::{Scan, Written};

/// A file by itself.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// The file's own module first, then those written inside it.
    pub scopes: Vec<Scope>,
    /// Lines of the file.
    pub lines: usize,
    /// The first item that does more than name others, and where.
    pub logic: Option<(usize, String)>,
    /// Whether the whole file is for tests (`#![cfg(test)]`).
    pub test: bool,
}

/// One module of a file.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Its name; empty for the file's own.
    pub name: String,
    /// The module around it, in this file.
    pub parent: Option<usize>,
    /// Modules in files of their own.
    pub declared: Vec<Declared>,
    /// Names of items. `enum` and `trait` may have names inside.
    pub items: Vec<Defined>,
    /// What `use` binds.
    pub uses: Vec<Use>,
    /// Blocks of methods.
    pub impls: Vec<Implementation>,
    /// Code and paths.
    pub scan: Scan,
}

/// `mod name;`
#[derive(Debug, Clone)]
pub struct Declared {
    /// The module's name.
    pub name: String,
    /// `#[path = "…"]`.
    pub path: Option<String>,
    /// Whether only tests have it.
    pub test: bool,
    /// Where.
    pub line: usize,
}

/// An item with a name.
#[derive(Debug, Clone)]
pub struct Defined {
    /// Its name.
    pub name: String,
    /// Variants of an enumeration.
    pub variants: Vec<String>,
    /// Whether it is a macro of this crate.
    pub is_macro: bool,
}

/// One leaf of a `use` tree.
#[derive(Debug, Clone)]
pub struct Use {
    /// What is imported; for `*` the module that all is taken from.
    pub path: Written,
    /// The name that is bound; nothing for `*`.
    pub alias: Option<String>,
}

/// An `impl`.
#[derive(Debug, Clone)]
pub struct Implementation {
    /// Paths between `impl` and the brace.
    pub header: Vec<Written>,
    /// The names of its methods and constants.
    pub members: Vec<String>,
    /// Whether it is of a trait.
    pub of_trait: bool,
}

impl Outline {
    /// Reads `text`, the file at `path`.
    ///
    /// # Errors
    /// What is wrong, with path and line.
    pub fn read(path: &str, text: &str) -> Result<Self, String> {
        let mut file =
            syn::parse_file(text).map_err(|error| format!("{path}:{}: {error}", error.span().start().line))?;
        let mut outline = Self {
            lines: text.lines().count(),
            test: is_test(&file.attrs),
            ..Self::default()
        };
        outline.scopes.push(Scope::default());
        outline.test_modules(0, &file.items);
        let mut without = WithoutTests::default();
        without.visit_file_mut(&mut file);
        outline.scopes[0]
            .scan
            .add(file.attrs.iter().map(ToTokens::to_token_stream).collect());
        outline.logic = file.items.iter().find_map(logic);
        for leaf in without.uses {
            outline.imports(0, &leaf);
        }
        outline.items(0, file.items);
        match outline.scopes.iter().flat_map(|scope| &scope.scan.mistakes).next() {
            Some((line, mistake)) => Err(format!("{path}:{line}: {mistake}")),
            None => Ok(outline),
        }
    }

    /// Files that only tests reach are known by where they are declared.
    fn test_modules(&mut self, scope: usize, items: &[Item]) {
        for item in items {
            if let Item::Mod(module) = item
                && module.content.is_none()
                && is_test(&module.attrs)
            {
                self.declare(scope, module, true);
            }
        }
    }

    fn declare(&mut self, scope: usize, module: &syn::ItemMod, test: bool) {
        let path = module.attrs.iter().find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    syn::Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
        self.scopes[scope].declared.push(Declared {
            name: plain(&module.ident),
            path,
            test,
            line: line(module.ident.span()),
        });
    }

    fn items(&mut self, scope: usize, items: Vec<Item>) {
        for item in items {
            match item {
                Item::Use(item) => self.imports(scope, &item),
                Item::Mod(mut module) => match module.content.take() {
                    Some((_, content)) => {
                        let inner = self.scopes.len();
                        self.scopes.push(Scope {
                            name: plain(&module.ident),
                            parent: Some(scope),
                            ..Scope::default()
                        });
                        self.items(inner, content);
                    }
                    None => self.declare(scope, &module, false),
                },
                Item::ExternCrate(item) => {
                    let name = plain(&item.ident);
                    self.scopes[scope].uses.push(Use {
                        path: Written {
                            line: line(item.ident.span()),
                            segments: vec![name.clone()],
                            global: true,
                        },
                        alias: Some(item.rename.map_or(name, |(_, alias)| plain(&alias))),
                    });
                }
                item => {
                    let scope = &mut self.scopes[scope];
                    scope.items.extend(defined(&item));
                    if let Item::Impl(block) = &item {
                        scope.impls.push(implementation(block));
                    }
                    scope.scan.add(item.into_token_stream());
                }
            }
        }
    }

    fn imports(&mut self, scope: usize, item: &syn::ItemUse) {
        let start = Written {
            segments: Vec::new(),
            global: item.leading_colon.is_some(),
            line: line(item.use_token.span()),
        };
        leaves(&item.tree, &start, &mut self.scopes[scope].uses);
    }
}

fn leaves(tree: &UseTree, before: &Written, uses: &mut Vec<Use>) {
    let with = |name: &syn::Ident| {
        let mut path = before.clone();
        path.line = line(name.span());
        path.segments.push(plain(name));
        path
    };
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(&path.ident), uses),
        UseTree::Name(name) if name.ident == "self" && !before.segments.is_empty() => uses.push(Use {
            path: before.clone(),
            alias: before.segments.last().cloned(),
        }),
        UseTree::Name(name) => uses.push(Use {
            path: with(&name.ident),
            alias: Some(plain(&name.ident)),
        }),
        UseTree::Rename(rename) => uses.push(Use {
            path: if rename.ident == "self" && !before.segments.is_empty() {
                before.clone()
            } else {
                with(&rename.ident)
            },
            alias: Some(plain(&rename.rename)),
        }),
        UseTree::Glob(star) => uses.push(Use {
            path: Written {
                line: line(star.span()),
                ..before.clone()
            },
            alias: None,
        }),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, before, uses);
            }
        }
    }
}

fn defined(item: &Item) -> Option<Defined> {
    let named = |ident: &syn::Ident| Defined {
        name: plain(ident),
        variants: Vec::new(),
        is_macro: false,
    };
    Some(match item {
        Item::Const(item) => named(&item.ident),
        Item::Static(item) => named(&item.ident),
        Item::Fn(item) => named(&item.sig.ident),
        Item::Struct(item) => named(&item.ident),
        Item::Union(item) => named(&item.ident),
        Item::Trait(item) => named(&item.ident),
        Item::TraitAlias(item) => named(&item.ident),
        Item::Type(item) => named(&item.ident),
        Item::Enum(item) => Defined {
            variants: item.variants.iter().map(|variant| plain(&variant.ident)).collect(),
            ..named(&item.ident)
        },
        Item::Macro(item) => Defined {
            is_macro: true,
            ..named(item.ident.as_ref()?)
        },
        _ => return None,
    })
}

fn implementation(block: &syn::ItemImpl) -> Implementation {
    let mut header = Scan::default();
    if let Some((_, of, _)) = &block.trait_ {
        header.add(of.to_token_stream());
    }
    header.add(block.self_ty.to_token_stream());
    let words = header.words.into_iter().map(|(word, line)| Written {
        segments: vec![word],
        global: false,
        line,
    });
    Implementation {
        header: words.chain(header.paths).collect(),
        members: block
            .items
            .iter()
            .filter_map(|item| match item {
                ImplItem::Fn(item) => Some(plain(&item.sig.ident)),
                ImplItem::Const(item) => Some(plain(&item.ident)),
                ImplItem::Type(item) => Some(plain(&item.ident)),
                _ => None,
            })
            .collect(),
        of_trait: block.trait_.is_some(),
    }
}

/// What in a `mod.rs` is more than a list of names.
fn logic(item: &Item) -> Option<(usize, String)> {
    let (span, what): (Span, String) = match item {
        Item::Use(_) | Item::ExternCrate(_) => return None,
        Item::Mod(module) if module.content.is_none() => return None,
        Item::Mod(module) => (module.ident.span(), format!("mod {} {{ … }}", module.ident)),
        Item::Fn(item) => (item.sig.ident.span(), format!("fn {}", item.sig.ident)),
        Item::Impl(item) => (item.impl_token.span(), "impl".to_owned()),
        item => match defined(item) {
            Some(defined) => (named_span(item), defined.name),
            None => (item.span(), "an item".to_owned()),
        },
    };
    Some((line(span), what))
}

fn named_span(item: &Item) -> Span {
    match item {
        Item::Const(item) => item.ident.span(),
        Item::Static(item) => item.ident.span(),
        Item::Struct(item) => item.ident.span(),
        Item::Enum(item) => item.ident.span(),
        Item::Trait(item) => item.ident.span(),
        Item::Type(item) => item.ident.span(),
        item => item.span(),
    }
}

fn line(span: Span) -> usize {
    span.start().line
}

fn plain(ident: &syn::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// Whether an item with these attributes is there in tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<Meta>()
                    .is_ok_and(|condition| needs_test(&condition))
    })
}

fn needs_test(condition: &Meta) -> bool {
    let parts = |list: &syn::MetaList| {
        list.parse_args_with(Punctuated::<Meta, syn::Token![,]>::parse_terminated)
            .unwrap_or_default()
    };
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => parts(list).iter().any(needs_test),
        Meta::List(list) if list.path.is_ident("any") => {
            let parts = parts(list);
            !parts.is_empty() && parts.iter().all(needs_test)
        }
        _ => false,
    }
}

/// Takes tests out of a file, and those differences in form that `rustfmt` makes and unmakes. Imports inside functions are
/// collected: they are taken for imports of the module around them.
#[derive(Default)]
struct WithoutTests {
    uses: Vec<syn::ItemUse>,
}

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test(attributes_of(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test(attributes_of(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        block.items.retain(|item| {
            !is_test(match item {
                ImplItem::Const(item) => &item.attrs,
                ImplItem::Fn(item) => &item.attrs,
                ImplItem::Type(item) => &item.attrs,
                ImplItem::Macro(item) => &item.attrs,
                _ => &[],
            })
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, item: &mut syn::ItemTrait) {
        item.items.retain(|item| {
            !is_test(match item {
                TraitItem::Const(item) => &item.attrs,
                TraitItem::Fn(item) => &item.attrs,
                TraitItem::Type(item) => &item.attrs,
                TraitItem::Macro(item) => &item.attrs,
                _ => &[],
            })
        });
        visit_mut::visit_item_trait_mut(self, item);
    }

    fn visit_item_enum_mut(&mut self, item: &mut syn::ItemEnum) {
        keep(&mut item.variants, |variant| &variant.attrs);
        visit_mut::visit_item_enum_mut(self, item);
    }

    fn visit_fields_named_mut(&mut self, fields: &mut syn::FieldsNamed) {
        keep(&mut fields.named, |field| &field.attrs);
        visit_mut::visit_fields_named_mut(self, fields);
    }

    fn visit_fields_unnamed_mut(&mut self, fields: &mut syn::FieldsUnnamed) {
        keep(&mut fields.unnamed, |field| &field.attrs);
        visit_mut::visit_fields_unnamed_mut(self, fields);
    }

    fn visit_expr_struct_mut(&mut self, item: &mut syn::ExprStruct) {
        keep(&mut item.fields, |field| &field.attrs);
        for field in &mut item.fields {
            let short = match (&field.member, &field.expr) {
                (syn::Member::Named(name), Expr::Path(path)) => path.attrs.is_empty() && path.path.is_ident(name),
                _ => false,
            };
            if short {
                field.colon_token = None;
            }
        }
        visit_mut::visit_expr_struct_mut(self, item);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        let uses = &mut self.uses;
        block.stmts.retain(|statement| {
            if let Stmt::Item(Item::Use(item)) = statement
                && !is_test(&item.attrs)
            {
                uses.push(item.clone());
                return false;
            }
            !is_test(match statement {
                Stmt::Local(local) => &local.attrs,
                Stmt::Item(item) => attributes_of(item),
                Stmt::Macro(call) => &call.attrs,
                Stmt::Expr(expression, _) => attributes_of_expression(expression),
            })
        });
        if let Some(Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), semicolon)) =
            block.stmts.last_mut()
        {
            *semicolon = None;
        }
        visit_mut::visit_block_mut(self, block);
    }

    fn visit_expr_match_mut(&mut self, item: &mut syn::ExprMatch) {
        item.arms.retain(|arm| !is_test(&arm.attrs));
        visit_mut::visit_expr_match_mut(self, item);
    }

    fn visit_arm_mut(&mut self, arm: &mut syn::Arm) {
        visit_mut::visit_arm_mut(self, arm);
        arm.comma = None;
        unwrap(&mut arm.body);
    }

    fn visit_expr_closure_mut(&mut self, closure: &mut syn::ExprClosure) {
        visit_mut::visit_expr_closure_mut(self, closure);
        if matches!(closure.output, syn::ReturnType::Default) {
            unwrap(&mut closure.body);
        }
    }

    fn visit_where_clause_mut(&mut self, clause: &mut syn::WhereClause) {
        visit_mut::visit_where_clause_mut(self, clause);
        clause.predicates.pop_punct();
    }

    fn visit_pat_or_mut(&mut self, pattern: &mut syn::PatOr) {
        visit_mut::visit_pat_or_mut(self, pattern);
        pattern.leading_vert = None;
    }
}

/// `{ a }` → `a`, where formatting wraps and unwraps.
fn unwrap(body: &mut Expr) {
    while let Expr::Block(block) = body
        && block.attrs.is_empty()
        && block.label.is_none()
        && let [Stmt::Expr(inner, None)] = block.block.stmts.as_slice()
    {
        let inner = inner.clone();
        *body = inner;
    }
}

fn keep<T: Clone, P: Default>(list: &mut Punctuated<T, P>, attributes: fn(&T) -> &Vec<Attribute>) {
    if list.iter().any(|part| is_test(attributes(part))) {
        *list = std::mem::take(list)
            .into_iter()
            .filter(|part| !is_test(attributes(part)))
            .collect();
    }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn attributes_of_expression(expression: &Expr) -> &[Attribute] {
    match expression {
        Expr::Assign(item) => &item.attrs,
        Expr::Block(item) => &item.attrs,
        Expr::Call(item) => &item.attrs,
        Expr::If(item) => &item.attrs,
        Expr::Macro(item) => &item.attrs,
        Expr::MethodCall(item) => &item.attrs,
        _ => &[],
    }
}

/// Modules that a file for tests declares, whose code is not looked at.
///
/// # Errors
/// What is wrong, with path and line.
pub fn declared_in_tests(path: &str, text: &str) -> Result<Outline, String> {
    let mut outline = Outline {
        scopes: vec![Scope::default()],
        lines: text.lines().count(),
        test: true,
        logic: None,
    };
    // Most declare none, and need not be parsed.
    let declares = |(at, word): (usize, &str)| {
        let name = text[at + word.len()..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        name.trim_start().starts_with(';')
    };
    if !text.match_indices("mod ").any(declares) {
        return Ok(outline);
    }
    let file = syn::parse_file(text).map_err(|error| format!("{path}:{}: {error}", error.span().start().line))?;
    for item in &file.items {
        if let Item::Mod(module) = item
            && module.content.is_none()
        {
            outline.declare(0, module, true);
        }
    }
    Ok(outline)
}
