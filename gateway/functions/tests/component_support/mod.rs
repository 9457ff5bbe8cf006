//! Components built from WIT text, whose functions trap when called.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, UnresolvedPackageGroup};

/// Builds a component for the only world of the WIT text.
pub fn build(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve { all_features: true, ..Resolve::default() };
    let group = UnresolvedPackageGroup::parse("world.wit", wit)
        .unwrap_or_else(|(map, error)| panic!("{}", error.render(&map)));
    let package = resolve.push_group(group).expect("the WIT resolves");
    let world = resolve.select_world(&[package], None).expect("one world");
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("metadata is written");
    ComponentEncoder::default()
        .module(&module)
        .expect("the module has metadata")
        .validate(true)
        .encode()
        .expect("the component encodes")
}
