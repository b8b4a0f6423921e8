//! A program that tells which of its functions run: the facts behind the policy.

use wasm_encoder::{
    CodeSection, EntityType, Function, ImportSection, Instruction, TypeSection, ValType,
    reencode::{Error, Reencode},
};
use wasmparser::{CodeSectionReader, FunctionBody, ImportSectionReader, TypeSectionReader};

use super::module::Module;

/// What functions are called, by their index.
pub(super) type Names = Vec<(u32, String)>;

/// Makes each function call the import `later.ran` with its number, and lists the
/// functions by number.
pub(super) fn instrument(wasm: &[u8]) -> Result<(Vec<u8>, Names), Error> {
    let module = Module::parse(wasm)?;
    let mut tracer = Tracer {
        imported: module.imported,
        ran_type: 0,
        next: module.imported,
    };
    let mut out = wasm_encoder::Module::new();
    tracer.parse_core_module(&mut out, wasmparser::Parser::new(0), wasm)?;
    let names = module.names.into_iter();
    Ok((
        out.finish(),
        names
            .filter(|(number, _)| *number >= module.imported)
            .collect(),
    ))
}

struct Tracer {
    imported: u32,
    ran_type: u32,
    next: u32,
}

impl Reencode for Tracer {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(function + u32::from(function >= self.imported))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error> {
        wasm_encoder::reencode::utils::parse_type_section(self, types, section)?;
        self.ran_type = types.len();
        types.ty().function([ValType::I32], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        for import in section.into_imports() {
            self.parse_import(imports, import?)?;
        }
        imports.import("later", "ran", EntityType::Function(self.ran_type));
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        for body in section {
            self.parse_function_body(code, body?)?;
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error> {
        let mut function: Function = self.new_function_with_parsed_locals(&body)?;
        function.instruction(&Instruction::I32Const(self.next as i32));
        function.instruction(&Instruction::Call(self.imported));
        self.next += 1;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            function.instruction(&self.parse_instruction(&mut reader)?);
        }
        code.function(&function);
        Ok(())
    }
}
