//! Docs from WIT sources.

use wit_parser::{
    FunctionKind, InterfaceId, PackageId, Resolve, SourceMap, Type as WitType, TypeDefKind, TypeId,
    UnresolvedPackageGroup, WorldId, WorldItem,
};

use super::blank::without_empty_comments;
use super::{Docs, DocsError, FunctionDocs, PartDocs, TypeDocs, brackets, comment, key};
use crate::names::to_snake;

/// Most text that is parsed (bytes, all files together).
const SOURCE_BYTES_MAX: usize = 16 << 20;

/// Most fields, cases and types in one function's docs, every use counted.
const PARTS_MAX: usize = 65_536;

/// Deepest nesting of types, by brackets or by names: the parser and the readers below recurse.
const DEPTH_MAX: usize = 100;

/// Docs of what a world exports, from the text of its WIT files.
///
/// `sources` holds paths and texts of a WIT folder: files anywhere below a `deps` folder belong
/// to the dependency named by the path's next part, all others to the package itself. Paths are
/// for grouping and messages only; no file is opened. `world` may be left out when the package
/// has one world.
///
/// # Errors
/// [`DocsError::Wit`] when the sources do not parse or the world is not there,
/// [`DocsError::Comment`] when a comment breaks the grammar.
pub fn docs_from_wit(sources: &[(String, String)], world: Option<&str>) -> Result<Docs, DocsError> {
    let (resolve, world) = resolve_world(sources, world)?;
    let mut docs = Docs::default();
    for (name, item) in &resolve.worlds[world].exports {
        match item {
            WorldItem::Interface { id, .. } => {
                let interface = resolve.name_world_key(name);
                add_interface(&resolve, &interface, *id, &mut docs)?;
            }
            WorldItem::Function(function) => add_function(&resolve, None, function, &mut docs)?,
            WorldItem::Type { .. } => {}
        }
    }
    Ok(docs)
}

/// The sources with all their types, and the world that is meant.
///
/// # Errors
/// [`DocsError::Wit`] when the sources do not parse or the world is not there.
pub(crate) fn resolve_world(
    sources: &[(String, String)],
    world: Option<&str>,
) -> Result<(Resolve, WorldId), DocsError> {
    let (resolve, package) = resolve(sources)?;
    let world = select_world(&resolve, package, world)?;
    Ok((resolve, world))
}

fn wit(reason: impl ToString) -> DocsError {
    DocsError::Wit { reason: reason.to_string() }
}

/// The dependency that a file belongs to; `None` for the package itself.
fn dependency(path: &str) -> Option<&str> {
    let mut parts = path.split(['/', '\\']);
    parts.find(|part| *part == "deps")?;
    parts.next()
}

fn resolve(sources: &[(String, String)]) -> Result<(Resolve, PackageId), DocsError> {
    let bytes: usize = sources.iter().map(|(_, text)| text.len()).sum();
    if bytes > SOURCE_BYTES_MAX {
        return Err(wit(format!("it has {bytes} bytes, and at most {SOURCE_BYTES_MAX} are read")));
    }
    let mut groups: Vec<(Option<&str>, SourceMap)> = Vec::new();
    for (path, text) in sources {
        if let Some(line) = brackets::too_deep(text, DEPTH_MAX) {
            return Err(wit(format!(
                "{path}:{line}: types nest deeper than {DEPTH_MAX}: name the inner ones"
            )));
        }
        let group = dependency(path);
        let index = groups.iter().position(|(other, _)| *other == group).unwrap_or_else(|| {
            groups.push((group, SourceMap::default()));
            groups.len() - 1
        });
        groups[index].1.push_str(path, without_empty_comments(text));
    }
    let mut own = sources.iter().filter(|(path, _)| dependency(path).is_none()).peekable();
    if own.peek().is_some() && !own.any(|(_, text)| text.contains("package")) {
        return Err(wit("no file says which package it is: begin one with a line such as \
                        `package local:tides@0.1.0;`"));
    }
    let mut main: Option<UnresolvedPackageGroup> = None;
    let mut dependencies = Vec::new();
    for (group, map) in groups {
        let parsed = map.parse().map_err(|(map, error)| wit(error.render(&map)))?;
        match group {
            None => main = Some(parsed),
            Some(_) => dependencies.push(parsed),
        }
    }
    let main =
        main.ok_or_else(|| wit("there is no file outside `deps`: give the package's own files"))?;
    let mut resolve = Resolve::default();
    match resolve.push_groups(main, dependencies) {
        Ok(package) => Ok((resolve, package)),
        Err(error) => {
            let mut reason = resolve.render_error(&error.into());
            if reason.contains("known packages") {
                reason.push_str("\nput the WIT of other packages below deps, a folder for each");
            }
            Err(wit(reason))
        }
    }
}

fn select_world(
    resolve: &Resolve,
    package: PackageId,
    world: Option<&str>,
) -> Result<WorldId, DocsError> {
    resolve.select_world(&[package], world).map_err(|error| {
        let worlds: Vec<_> = resolve.packages[package].worlds.keys().map(String::as_str).collect();
        let advice = match worlds.as_slice() {
            [] => "write one, such as `world plugin { export harbor; }`".to_owned(),
            [one] => format!("its world is {one}: name that, or none"),
            several => format!("name one of them with --world: {}", several.join(" or ")),
        };
        wit(format!("{error:#}\n{advice}"))
    })
}

fn add_interface(
    resolve: &Resolve,
    interface: &str,
    id: InterfaceId,
    docs: &mut Docs,
) -> Result<(), DocsError> {
    for function in resolve.interfaces[id].functions.values() {
        add_function(resolve, Some(interface), function, docs)?;
    }
    Ok(())
}

fn add_function(
    resolve: &Resolve,
    interface: Option<&str>,
    function: &wit_parser::Function,
    docs: &mut Docs,
) -> Result<(), DocsError> {
    // Functions of resources cannot be called, so nothing about them is kept.
    if !matches!(function.kind, FunctionKind::Freestanding | FunctionKind::AsyncFreestanding) {
        return Ok(());
    }
    let key = key(interface, &function.name);
    let text = function.docs.contents.as_deref().unwrap_or_default();
    let comment = comment::parse(text)
        .map_err(|reason| DocsError::Comment { function: key.clone(), reason })?;

    let mut parts = Parts { resolve, left: PARTS_MAX, depth: 0 };
    let mut said = FunctionDocs {
        summary: comment.summary,
        examples: comment.examples,
        reply: comment.reply,
        ..FunctionDocs::default()
    };
    for param in &function.params {
        let entry = said.params.entry(to_snake(&param.name)).or_default();
        entry.doc = parts.summary(&param.ty);
        entry.of = parts.of(&param.ty)?;
    }
    if let Some(result) = &function.result {
        said.returns = parts.of(result)?;
    }
    // Tags of parameters that do not exist are kept: the check names them.
    for (name, text) in comment.params {
        said.params.entry(name).or_default().doc = text;
    }
    for (name, value) in comment.defaults {
        said.params.entry(name).or_default().default = Some(value);
    }
    said.params.retain(|_, param| *param != super::ParamDocs::default());
    docs.functions.insert(key, said);
    Ok(())
}

/// Reads the docs of types' parts.
struct Parts<'a> {
    resolve: &'a Resolve,
    left: usize,
    depth: usize,
}

impl<'a> Parts<'a> {
    fn kind(&self, id: TypeId) -> &'a TypeDefKind {
        &self.resolve.types[id].kind
    }

    /// What a type's own comment says first, for uses that say nothing themselves.
    fn summary(&self, ty: &WitType) -> String {
        let mut ty = *ty;
        for _ in 0..DEPTH_MAX {
            let WitType::Id(id) = ty else { break };
            let def = &self.resolve.types[id];
            if let Some(text) = &def.docs.contents {
                return comment::plain(text).lines().next().unwrap_or_default().to_owned();
            }
            match &def.kind {
                TypeDefKind::Type(inner)
                | TypeDefKind::Option(inner)
                | TypeDefKind::List(inner) => {
                    ty = *inner;
                }
                _ => break,
            }
        }
        String::new()
    }

    fn doc(&self, docs: &wit_parser::Docs, ty: Option<&WitType>) -> String {
        match (&docs.contents, ty) {
            (Some(text), _) => comment::plain(text),
            (None, Some(ty)) => self.summary(ty),
            (None, None) => String::new(),
        }
    }

    fn of(&mut self, ty: &WitType) -> Result<TypeDocs, DocsError> {
        if self.depth >= DEPTH_MAX {
            return Err(wit(format!("a function's types nest deeper than {DEPTH_MAX}")));
        }
        self.depth += 1;
        let docs = self.parts_of(ty);
        self.depth -= 1;
        docs
    }

    fn parts_of(&mut self, ty: &WitType) -> Result<TypeDocs, DocsError> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            wit(format!("a function's types have more than {PARTS_MAX} parts: simplify them"))
        })?;
        let WitType::Id(id) = ty else {
            return Ok(TypeDocs::default());
        };
        let mut docs = TypeDocs::default();
        match self.kind(*id) {
            TypeDefKind::Type(ty) | TypeDefKind::Option(ty) | TypeDefKind::List(ty) => {
                return self.of(ty);
            }
            TypeDefKind::Record(record) => {
                for field in &record.fields {
                    let part = self.part(&field.docs, Some(&field.ty))?;
                    keep(&mut docs.fields, to_snake(&field.name), part);
                }
            }
            TypeDefKind::Variant(variant) => {
                for case in &variant.cases {
                    let part = self.part(&case.docs, case.ty.as_ref())?;
                    keep(&mut docs.cases, case.name.clone(), part);
                }
            }
            TypeDefKind::Enum(cases) => {
                for case in &cases.cases {
                    let part = self.part(&case.docs, None)?;
                    keep(&mut docs.cases, case.name.clone(), part);
                }
            }
            TypeDefKind::Flags(flags) => {
                for flag in &flags.flags {
                    let part = self.part(&flag.docs, None)?;
                    keep(&mut docs.cases, flag.name.clone(), part);
                }
            }
            TypeDefKind::Tuple(tuple) => {
                for ty in &tuple.types {
                    docs.items.push(self.of(ty)?);
                }
                if docs.items.iter().all(TypeDocs::is_empty) {
                    docs.items.clear();
                }
            }
            TypeDefKind::Result(result) => {
                for (name, ty) in [("ok", &result.ok), ("err", &result.err)] {
                    if let Some(ty) = ty {
                        let of = self.of(ty)?;
                        keep(&mut docs.cases, name.to_owned(), PartDocs { doc: String::new(), of });
                    }
                }
            }
            // Refused by name where a component is read.
            _ => {}
        }
        Ok(docs)
    }

    fn part(
        &mut self,
        docs: &wit_parser::Docs,
        ty: Option<&WitType>,
    ) -> Result<PartDocs, DocsError> {
        let of = match ty {
            Some(ty) => self.of(ty)?,
            None => TypeDocs::default(),
        };
        Ok(PartDocs { doc: self.doc(docs, ty), of })
    }
}

fn keep(parts: &mut std::collections::BTreeMap<String, PartDocs>, name: String, part: PartDocs) {
    if !part.is_empty() {
        parts.insert(name, part);
    }
}
