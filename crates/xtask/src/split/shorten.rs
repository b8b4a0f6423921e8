//! Short names for what the program imports: `wasm-bindgen` gives each a hash of 16 digits, twice in a download.

use wasm_encoder::{
    ImportSection,
    reencode::{Error, Reencode},
};
use wasmparser::{Import, ImportSectionReader, Parser};

use super::short_name;

/// The program and its JavaScript with short names for the functions that the one takes from the other.
pub(super) fn shorten(wasm: &[u8], glue: String) -> Result<(Vec<u8>, String), Error> {
    let mut shortener = Shortener { glue, count: 0 };
    let mut out = wasm_encoder::Module::new();
    shortener.parse_core_module(&mut out, Parser::new(0), wasm)?;
    Ok((out.finish(), shortener.glue))
}

struct Shortener {
    glue: String,
    count: usize,
}

impl Reencode for Shortener {
    type Error = std::convert::Infallible;

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        for import in section.into_imports() {
            self.parse_import(imports, import?)?;
        }
        Ok(())
    }

    fn parse_import(
        &mut self,
        imports: &mut ImportSection,
        import: Import<'_>,
    ) -> Result<(), Error> {
        let entity = self.entity_type(import.ty)?;
        // A property of the object of imports, on a line of its own.
        let property = format!("\n        {}: ", import.name);
        if self.glue.matches(&property).count() == 1 {
            let name = short_name(self.count);
            self.count += 1;
            let renamed = format!("\n        \"{name}\": ");
            self.glue = self.glue.replace(&property, &renamed);
            imports.import(import.module, &name, entity);
        } else {
            imports.import(import.module, import.name, entity);
        }
        Ok(())
    }
}
