//! How deep a component's types nest, found out before anything recurses over them.
//!
//! The validator reads nested type declarations and walks chains of value types recursively. A
//! few hundred kilobytes of either would overflow the stack, which no error handling survives.
//! So this pass bounds both first, without recursion of its own beyond the bound.

use std::ops::Range;

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentDefinedType, ComponentExternalKind,
    ComponentOuterAliasKind, ComponentType, ComponentTypeDeclaration, ComponentTypeRef,
    ComponentValType, Encoding, InstanceTypeDeclaration, Parser, Payload, TypeBounds,
};

/// Most component or instance types declared inside one type section's types. Components that
/// tools build have under ten.
const DECLARATIONS_MAX: usize = 200;

/// Longest chain of types that hold one another, over the whole component. Types that come from
/// an instance count as the deepest so far, so this is far above what tools build, too.
const CHAIN_MAX: u32 = 1_000;

/// Most component instances in all, since each may wrap the one before. A component that a
/// compiler builds has one or two an exported interface; composed ones have some hundreds.
const INSTANCES_MAX: u32 = 2_000;

/// Why a component is not read any further.
#[derive(Debug)]
pub(super) enum NestingError {
    /// Not a well-formed binary.
    Malformed(BinaryReaderError),
    /// Nested beyond a bound.
    TooDeep,
}

impl From<BinaryReaderError> for NestingError {
    fn from(error: BinaryReaderError) -> Self {
        Self::Malformed(error)
    }
}

/// Refuses components whose types nest too deep to be validated.
pub(super) fn check(bytes: &[u8]) -> Result<(), NestingError> {
    let mut depths = Depths::default();
    let mut instances: u32 = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            // A core module gets a scope, too: its end closes one.
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => {
                depths.scopes.push(Vec::new());
            }
            Payload::ComponentTypeSection(section) => {
                check_declarations(bytes, section.range())?;
                for ty in section {
                    depths.declare(&ty?)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    depths.refer(&import?.ty)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Type {
                        let depth = depths.at(0, export.index);
                        depths.push(depth)?;
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    depths.alias(&alias?)?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                instances = instances.saturating_add(section.count());
                if instances > INSTANCES_MAX {
                    return Err(NestingError::TooDeep);
                }
            }
            Payload::End(_) => {
                depths.scopes.pop();
            }
            _ => {}
        }
    }
    Ok(())
}

/// A nested component or instance type starts with the declaration tag 0x01 and 0x41 or 0x42.
/// The same bytes occur by chance, in names of one letter: hence a bound with much room.
fn check_declarations(bytes: &[u8], range: Range<usize>) -> Result<(), NestingError> {
    let section = bytes.get(range).unwrap_or_default();
    let nested = section.windows(2).filter(|pair| matches!(pair, [0x01, 0x41 | 0x42])).count();
    if nested > DECLARATIONS_MAX { Err(NestingError::TooDeep) } else { Ok(()) }
}

/// Depths of the types in every open index space, innermost last.
#[derive(Default)]
struct Depths {
    scopes: Vec<Vec<u32>>,
    /// Deepest type so far: what a type from elsewhere is taken for.
    deepest: u32,
}

impl Depths {
    fn push(&mut self, depth: u32) -> Result<(), NestingError> {
        if depth > CHAIN_MAX {
            return Err(NestingError::TooDeep);
        }
        self.deepest = self.deepest.max(depth);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(depth);
        }
        Ok(())
    }

    /// Depth of a type, `outer` scopes out. What does not exist is for the validator to refuse.
    fn at(&self, outer: u32, index: u32) -> u32 {
        let scope = self.scopes.len().checked_sub(outer as usize + 1);
        let types = scope.and_then(|scope| self.scopes.get(scope));
        types.and_then(|types| types.get(index as usize)).copied().unwrap_or(0)
    }

    fn of(&self, ty: &ComponentValType) -> u32 {
        match ty {
            ComponentValType::Primitive(_) => 0,
            ComponentValType::Type(index) => self.at(0, *index),
        }
    }

    fn declare(&mut self, ty: &ComponentType<'_>) -> Result<(), NestingError> {
        let depth = match ty {
            ComponentType::Defined(defined) => 1 + self.of_defined(defined),
            ComponentType::Func(func) => {
                let types = func.params.iter().map(|(_, ty)| ty).chain(&func.result);
                1 + types.map(|ty| self.of(ty)).max().unwrap_or(0)
            }
            ComponentType::Component(declarations) => {
                self.scopes.push(Vec::new());
                for declaration in declarations {
                    self.component_declaration(declaration)?;
                }
                self.close()
            }
            ComponentType::Instance(declarations) => {
                self.scopes.push(Vec::new());
                for declaration in declarations {
                    self.instance_declaration(declaration)?;
                }
                self.close()
            }
            ComponentType::Resource { .. } => 0,
        };
        self.push(depth)
    }

    /// Leaves a declaration's scope: it is one deeper than the deepest type that it names.
    fn close(&mut self) -> u32 {
        let types = self.scopes.pop().unwrap_or_default();
        1 + types.into_iter().max().unwrap_or(0)
    }

    fn component_declaration(
        &mut self,
        declaration: &ComponentTypeDeclaration<'_>,
    ) -> Result<(), NestingError> {
        match declaration {
            ComponentTypeDeclaration::CoreType(_) => Ok(()),
            ComponentTypeDeclaration::Type(ty) => self.declare(ty),
            ComponentTypeDeclaration::Alias(alias) => self.alias(alias),
            ComponentTypeDeclaration::Export { ty, .. } => self.refer(ty),
            ComponentTypeDeclaration::Import(import) => self.refer(&import.ty),
        }
    }

    fn instance_declaration(
        &mut self,
        declaration: &InstanceTypeDeclaration<'_>,
    ) -> Result<(), NestingError> {
        match declaration {
            InstanceTypeDeclaration::CoreType(_) => Ok(()),
            InstanceTypeDeclaration::Type(ty) => self.declare(ty),
            InstanceTypeDeclaration::Alias(alias) => self.alias(alias),
            InstanceTypeDeclaration::Export { ty, .. } => self.refer(ty),
        }
    }

    /// An import or export: only that of a type adds to the index space of types.
    fn refer(&mut self, ty: &ComponentTypeRef) -> Result<(), NestingError> {
        match ty {
            ComponentTypeRef::Type(TypeBounds::Eq(index)) => self.push(self.at(0, *index)),
            ComponentTypeRef::Type(TypeBounds::SubResource) => self.push(0),
            _ => Ok(()),
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), NestingError> {
        match alias {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. } => {
                self.push(self.deepest)
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, count, index } => {
                self.push(self.at(*count, *index))
            }
            _ => Ok(()),
        }
    }

    fn of_defined(&self, ty: &ComponentDefinedType<'_>) -> u32 {
        let deepest = |types: &mut dyn Iterator<Item = &ComponentValType>| {
            types.map(|ty| self.of(ty)).max().unwrap_or(0)
        };
        match ty {
            ComponentDefinedType::Record(fields) => deepest(&mut fields.iter().map(|(_, ty)| ty)),
            ComponentDefinedType::Variant(cases) => {
                deepest(&mut cases.iter().filter_map(|case| case.ty.as_ref()))
            }
            ComponentDefinedType::Tuple(types) => deepest(&mut types.iter()),
            ComponentDefinedType::Map(key, value) => deepest(&mut [key, value].into_iter()),
            ComponentDefinedType::List(ty)
            | ComponentDefinedType::FixedLengthList(ty, _)
            | ComponentDefinedType::Option(ty) => self.of(ty),
            ComponentDefinedType::Result { ok, err } => deepest(&mut ok.iter().chain(err)),
            ComponentDefinedType::Future(ty) | ComponentDefinedType::Stream(ty) => {
                deepest(&mut ty.iter())
            }
            ComponentDefinedType::Primitive(_)
            | ComponentDefinedType::Flags(_)
            | ComponentDefinedType::Enum(_)
            | ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_) => 0,
        }
    }
}
