//! Cuts the program of the page in two: what a first visit runs, and what is loaded later.
//!
//! It is the last step of a build and works on finished WebAssembly. Both files share one memory and one function
//! table, so the halves call each other as the whole did; nothing in the sources knows of the cut. A function that
//! is moved out but still called, or still in the table, leaves a few bytes behind: they make sure that the
//! second file is there and go on in it. So a wrong guess of what a first visit runs costs a load and nothing else.

mod module;
mod policy;
mod shorten;
mod trace;

use std::{borrow::Cow, collections::BTreeSet, fs, path::Path};

use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, RawSection,
    SectionId, StartSection, TableSection, TypeSection, ValType,
    reencode::{self, Reencode},
};
use wasmparser::Operator;

use crate::util::{self, Result, at};
use module::Module;
use policy::Policy;

/// Where the first file asks for the second: the module and the name of the function it imports.
const LOAD: (&str, &str) = ("later", "load");

/// About what a stub takes; to move less than that is no gain.
const STUB_BYTES: usize = 20;

/// The two files, and how the cut went.
pub(crate) struct Halves {
    /// What a first visit downloads.
    pub(crate) first: Vec<u8>,
    /// What comes later; it imports everything from the exports of `first`.
    pub(crate) later: Vec<u8>,
    /// How many functions were moved.
    pub(crate) moved: usize,
    /// How many of them the first file still refers to.
    pub(crate) stubs: usize,
    /// The stubs: `number in the first file, name`.
    pub(crate) names: String,
}

/// Names of the two files, and of the code that starts the first.
const FIRST_FILE: &str = "lastsave-web_bg.wasm";
const LATER_FILE: &str = "lastsave-later.wasm";
const GLUE_FILE: &str = "lastsave-web.js";

/// Cuts the program of a built page in two, and lets its JavaScript know.
///
/// # Errors
/// If it is no program of the kind that `wasm-bindgen` makes, or has no names.
pub(crate) fn cut(folder: &Path) -> Result<()> {
    let file = folder.join(FIRST_FILE);
    let wasm = fs::read(&file).map_err(at(&file))?;
    let policy = Policy::recorded();
    let halves = split(&wasm, |name, bytes| {
        bytes > STUB_BYTES && policy.is_later(name)
    })?;
    println!(
        "{} functions come later, {} of them behind a stub.",
        halves.moved, halves.stubs
    );
    let glue = folder.join(GLUE_FILE);
    let text = fs::read_to_string(&glue).map_err(at(&glue))?;
    let (first, text) = shorten::shorten(&halves.first, text).map_err(|error| error.to_string())?;
    fs::write(&file, first).map_err(at(&file))?;
    fs::write(&glue, text).map_err(at(&glue))?;
    let later = folder.join(LATER_FILE);
    fs::write(&later, halves.later).map_err(at(&later))?;
    // The names behind `wasm-function[N]` in the trace of whoever asks for the later file too early.
    let list = util::state_dir().join("stubs.txt");
    fs::create_dir_all(util::state_dir()).map_err(at(&list))?;
    fs::write(&list, halves.names).map_err(at(&list))?;
    let imports = "import { join } from './later.js?v=__BUILD__';\n";
    patch_glue(folder, imports, "join(() => wasm)")
}

/// Makes each function of a built page's program tell when it runs: `globalThis.ran` gets a 1 at its number.
/// Returns the names by these numbers.
pub(crate) fn instrument(folder: &Path) -> Result<Vec<(u32, String)>> {
    let file = folder.join(FIRST_FILE);
    let wasm = fs::read(&file).map_err(at(&file))?;
    let (traced, names) = trace::instrument(&wasm).map_err(|error| error.to_string())?;
    fs::write(&file, traced).map_err(at(&file))?;
    let marks = "const ran = (globalThis.ran = new Uint8Array(1 << 16));\n";
    patch_glue(
        folder,
        marks,
        "{ ran: (number) => { ran[number] = 1; }, load() {} }",
    )?;
    Ok(names)
}

/// Writes down which functions come later: those that are not among `ran`.
pub(crate) fn record(names: &[(u32, String)], ran: &BTreeSet<u32>) -> Result<()> {
    let functions = names
        .iter()
        .map(|(number, name)| (name.as_str(), ran.contains(number)));
    let file = util::root().join("crates/xtask/src/split/later.txt");
    fs::write(&file, Policy::of(functions).text()).map_err(at(&file))
}

/// Gives the program one more module to import from.
fn patch_glue(folder: &Path, prelude: &str, module: &str) -> Result<()> {
    const IMPORTS: &str = "const imports = __wbg_get_imports();";
    let file = folder.join(GLUE_FILE);
    let text = fs::read_to_string(&file).map_err(at(&file))?;
    if !text.contains(IMPORTS) {
        return Err("wasm-bindgen writes its imports in another way than this build knows".into());
    }
    let patched = text.replace(
        IMPORTS,
        &format!("{IMPORTS}\n    imports.{} = {module};", LOAD.0),
    );
    fs::write(&file, format!("{prelude}{patched}")).map_err(at(&file))
}

/// Cuts a module in two; `is_later` is asked about the name of each function and its bytes.
fn split(wasm: &[u8], is_later: impl Fn(&str, usize) -> bool) -> Result<Halves> {
    let module = Module::parse(wasm).map_err(|error| error.to_string())?;
    if module.names.is_empty() {
        return Err("the program has no names of functions, so it cannot be cut in two".into());
    }
    let plan = Plan::new(&module, is_later)?;
    let first = plan.first().map_err(|error| error.to_string())?;
    let later = plan.later().map_err(|error| error.to_string())?;
    Ok(Halves {
        first,
        later,
        moved: plan.later.len(),
        stubs: plan.stubs.len(),
        names: plan.names(),
    })
}

type Encoded = std::result::Result<Vec<u8>, reencode::Error>;

/// Who goes where. All functions are named by their index in the whole program.
struct Plan<'a> {
    module: &'a Module<'a>,
    /// Moved out, in order.
    later: BTreeSet<u32>,
    /// Moved out and still referred to, each with its slot of the function table.
    stubs: Vec<(u32, u32)>,
    /// The table of functions, and how large it is in the end.
    table: u32,
    table_size: u32,
    /// Slots of the table that hold functions which are moved out.
    slots: Vec<(u32, u32)>,
    /// What the second file takes from the first.
    shared: BTreeSet<u32>,
    shared_globals: BTreeSet<u32>,
}

impl<'a> Plan<'a> {
    fn new(module: &'a Module<'a>, is_later: impl Fn(&str, usize) -> bool) -> Result<Self> {
        let named: BTreeSet<u32> = module
            .defined()
            .filter(|index| {
                let bytes = module.body(*index).range().len();
                let name = module.names.get(index);
                name.is_some_and(|name| is_later(name, bytes))
            })
            .collect();

        // What stays: whatever can be reached without passing a function that is named as later.
        let mut stays: BTreeSet<u32> = BTreeSet::new();
        let mut referred: BTreeSet<u32> = module.roots.clone();
        let mut waiting: Vec<u32> = referred.iter().copied().collect();
        while let Some(function) = waiting.pop() {
            if named.contains(&function) || !stays.insert(function) {
                continue;
            }
            for &callee in module.calls(function) {
                if referred.insert(callee) {
                    waiting.push(callee);
                }
            }
        }
        let later: BTreeSet<u32> = module
            .defined()
            .filter(|function| !stays.contains(function))
            .collect();

        let (table, size) = module.function_table()?;
        let mut slots: Vec<(u32, u32)> = module
            .table_entries
            .iter()
            .copied()
            .filter(|(_, function)| later.contains(function))
            .collect();
        let mut table_size = size;
        let mut stubs = Vec::new();
        for &function in referred.intersection(&later) {
            let own = slots.iter().find(|(_, other)| *other == function);
            let slot = own.map_or(table_size, |(slot, _)| *slot);
            if own.is_none() {
                slots.push((slot, function));
                table_size += 1;
            }
            stubs.push((function, slot));
        }

        let mut shared = BTreeSet::new();
        let mut shared_globals = BTreeSet::new();
        for &function in &later {
            let uses = module.uses(function);
            if uses.takes_address {
                return Err("a function that is moved out takes the address of another".into());
            }
            shared.extend(uses.calls.iter().filter(|callee| !later.contains(callee)));
            shared_globals.extend(&uses.globals);
        }
        Ok(Self {
            module,
            later,
            stubs,
            table,
            table_size,
            slots,
            shared,
            shared_globals,
        })
    }

    /// What stays, with a stub for each function that is missed.
    fn first(&self) -> Encoded {
        let module = self.module;
        let load = module.imported;
        let stays = || module.defined().filter(|index| !self.later.contains(index));
        let mut numbers = Renumber::new(module);
        for index in 0..module.imported {
            numbers.functions[index as usize] = Some(index);
        }
        let mut next = load + 1;
        for function in stays().chain(self.stubs.iter().map(|(function, _)| *function)) {
            numbers.functions[function as usize] = Some(next);
            next += 1;
        }
        let ensure = next;
        let loaded = module.globals.len() as u32;

        let mut out = wasm_encoder::Module::new();
        let mut types = TypeSection::new();
        numbers.parse_type_section(&mut types, module.types.clone())?;
        let plain = types.len();
        types.ty().function([], []);
        out.section(&types);

        let mut imports = ImportSection::new();
        for import in &module.imports {
            numbers.parse_import(&mut imports, *import)?;
        }
        imports.import(LOAD.0, LOAD.1, EntityType::Function(plain));
        out.section(&imports);

        let mut functions = FunctionSection::new();
        for function in stays().chain(self.stubs.iter().map(|(function, _)| *function)) {
            functions.function(module.type_of(function));
        }
        functions.function(plain);
        out.section(&functions);

        let mut tables = TableSection::new();
        for (index, table) in module.tables.iter().enumerate() {
            tables.table(self.table_type(index as u32, table.ty, &mut numbers)?);
        }
        out.section(&tables);
        raw(&mut out, SectionId::Memory, module.memory);

        let mut globals = GlobalSection::new();
        for global in &module.globals {
            numbers.parse_global(&mut globals, global.clone())?;
        }
        globals.global(flag(), &ConstExpr::i32_const(0));
        out.section(&globals);

        let mut exports = ExportSection::new();
        for export in &module.exports {
            numbers.parse_export(&mut exports, *export)?;
        }
        for (name, kind, index) in self.links() {
            let index = match kind {
                ExportKind::Func => numbers.function_index(index)?,
                _ => index,
            };
            exports.export(&name, kind, index);
        }
        out.section(&exports);

        if let Some(start) = module.start {
            let function_index = numbers.function_index(start)?;
            out.section(&StartSection { function_index });
        }
        let mut elements = ElementSection::new();
        for element in &module.elements {
            numbers.parse_element(&mut elements, element.clone())?;
        }
        out.section(&elements);
        if module.counts_data {
            let count = module.data_count;
            out.section(&wasm_encoder::DataCountSection { count });
        }

        let mut code = CodeSection::new();
        for function in stays() {
            numbers.parse_function_body(&mut code, module.body(function).clone())?;
        }
        for &(function, slot) in &self.stubs {
            code.function(&self.stub(function, slot, ensure));
        }
        code.function(&ensure_loaded(loaded, load));
        out.section(&code);
        raw(&mut out, SectionId::Data, module.data);
        Ok(out.finish())
    }

    /// Makes sure that the second file is there, and calls what it has put into `slot`.
    fn stub(&self, function: u32, slot: u32, ensure: u32) -> Function {
        let type_index = self.module.type_of(function);
        let mut stub = Function::new([]);
        stub.instruction(&Instruction::Call(ensure));
        for parameter in 0..self.module.parameters(type_index) {
            stub.instruction(&Instruction::LocalGet(parameter));
        }
        stub.instruction(&Instruction::I32Const(slot as i32));
        stub.instruction(&Instruction::CallIndirect {
            type_index,
            table_index: self.table,
        });
        stub.instruction(&Instruction::End);
        stub
    }

    /// What was moved out; it fills the slots of the table as soon as it is there.
    fn later(&self) -> Encoded {
        let module = self.module;
        let mut numbers = Renumber::new(module);
        let mut next = 0;
        for &function in self.shared.iter().chain(&self.later) {
            numbers.functions[function as usize] = Some(next);
            next += 1;
        }
        for (number, global) in self.shared_globals.iter().enumerate() {
            numbers.globals[*global as usize] = Some(number as u32);
        }
        let loaded = self.shared_globals.len() as u32;

        let mut out = wasm_encoder::Module::new();
        let mut types = TypeSection::new();
        numbers.parse_type_section(&mut types, module.types.clone())?;
        let plain = types.len();
        types.ty().function([], []);
        out.section(&types);

        let mut imports = ImportSection::new();
        for (name, kind, index) in self.links() {
            let entity = match kind {
                ExportKind::Func => EntityType::Function(module.type_of(index)),
                ExportKind::Memory => EntityType::Memory(numbers.memory_type(module.memory_type)?),
                ExportKind::Table => {
                    let ty = module.tables[index as usize].ty;
                    EntityType::Table(self.table_type(index, ty, &mut numbers)?)
                }
                _ => EntityType::Global(match module.globals.get(index as usize) {
                    Some(global) => numbers.global_type(global.ty)?,
                    None => flag(),
                }),
            };
            imports.import("", &name, entity);
        }
        out.section(&imports);

        let mut functions = FunctionSection::new();
        for &function in &self.later {
            functions.function(module.type_of(function));
        }
        functions.function(plain);
        out.section(&functions);
        out.section(&StartSection {
            function_index: next,
        });

        let mut elements = ElementSection::new();
        for (slot, run) in self.runs() {
            let run: Vec<u32> = run
                .iter()
                .map(|function| numbers.function_index(*function))
                .collect::<std::result::Result<_, _>>()?;
            elements.active(
                (self.table != 0).then_some(self.table),
                &ConstExpr::i32_const(slot as i32),
                Elements::Functions(Cow::Owned(run)),
            );
        }
        out.section(&elements);

        let mut code = CodeSection::new();
        for &function in &self.later {
            numbers.parse_function_body(&mut code, module.body(function).clone())?;
        }
        let mut done = Function::new([]);
        done.instruction(&Instruction::I32Const(1));
        done.instruction(&Instruction::GlobalSet(loaded));
        done.instruction(&Instruction::End);
        code.function(&done);
        out.section(&code);
        Ok(out.finish())
    }

    /// What the first file exports to the second: functions in their order, all tables, globals, the memory.
    fn links(&self) -> Vec<(String, ExportKind, u32)> {
        let tables = 0..self.module.tables.len() as u32;
        let flag = self.module.globals.len() as u32;
        let functions = self.shared.iter().map(|index| (ExportKind::Func, *index));
        functions
            .chain(tables.map(|index| (ExportKind::Table, index)))
            .chain(
                self.shared_globals
                    .iter()
                    .map(|index| (ExportKind::Global, *index)),
            )
            .chain([(ExportKind::Global, flag), (ExportKind::Memory, 0)])
            .enumerate()
            .map(|(number, (kind, index))| (short_name(number), kind, index))
            .collect()
    }

    fn names(&self) -> String {
        let module = self.module;
        let kept = module.defined().len() - self.later.len();
        let number = (module.imported as usize + 1 + kept)..;
        let names = self
            .stubs
            .iter()
            .map(|(function, _)| &module.names[function]);
        let lines = number
            .zip(names)
            .map(|(number, name)| format!("{number} {name}\n"));
        lines.collect()
    }

    /// The slots to fill, as runs of neighbours.
    fn runs(&self) -> Vec<(u32, Vec<u32>)> {
        let mut slots = self.slots.clone();
        slots.sort_unstable();
        let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
        for (slot, function) in slots {
            match runs.last_mut() {
                Some((start, run)) if *start + run.len() as u32 == slot => run.push(function),
                _ => runs.push((slot, vec![function])),
            }
        }
        runs
    }

    /// The type of a table, which is larger than before if it is that of functions.
    fn table_type(
        &self,
        index: u32,
        ty: wasmparser::TableType,
        numbers: &mut Renumber,
    ) -> std::result::Result<wasm_encoder::TableType, reencode::Error> {
        let mut ty = numbers.table_type(ty)?;
        if index == self.table {
            ty.minimum = self.table_size.into();
            ty.maximum = ty.maximum.map(|maximum| maximum.max(ty.minimum));
        }
        Ok(ty)
    }
}

/// Says in the first file whether the second is there.
fn flag() -> GlobalType {
    GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    }
}

fn ensure_loaded(loaded: u32, load: u32) -> Function {
    let mut ensure = Function::new([]);
    ensure.instruction(&Instruction::GlobalGet(loaded));
    ensure.instruction(&Instruction::I32Eqz);
    ensure.instruction(&Instruction::If(wasm_encoder::BlockType::Empty));
    ensure.instruction(&Instruction::Call(load));
    ensure.instruction(&Instruction::End);
    ensure.instruction(&Instruction::End);
    ensure
}

fn raw(out: &mut wasm_encoder::Module, id: SectionId, data: &[u8]) {
    let id = id.into();
    out.section(&RawSection { id, data });
}

/// 0, 1 … 9, A … Z, a … z, 00, 10 …: no two the same, and no export of `wasm-bindgen` is that short.
fn short_name(number: usize) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = number;
    let mut name = String::new();
    loop {
        name.push(DIGITS[rest % DIGITS.len()] as char);
        rest /= DIGITS.len();
        if rest == 0 {
            return name;
        }
        rest -= 1;
    }
}

/// The numbers that functions and globals of the whole have in one of the two files.
struct Renumber {
    functions: Vec<Option<u32>>,
    globals: Vec<Option<u32>>,
}

impl Renumber {
    fn new(module: &Module) -> Self {
        let globals = module.globals.len() as u32;
        Self {
            functions: vec![None; module.functions.len()],
            globals: (0..globals).map(Some).collect(),
        }
    }
}

impl Reencode for Renumber {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> std::result::Result<u32, reencode::Error> {
        let number = self.functions.get(function as usize).copied().flatten();
        Ok(number.expect("whatever is referred to has a number"))
    }

    fn global_index(&mut self, global: u32) -> std::result::Result<u32, reencode::Error> {
        let number = self.globals.get(global as usize).copied().flatten();
        Ok(number.expect("whatever is used is shared"))
    }
}

/// What a function refers to.
fn uses_of(body: &wasmparser::FunctionBody) -> wasmparser::Result<module::Uses> {
    let mut uses = module::Uses::default();
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                uses.calls.insert(function_index);
            }
            Operator::RefFunc { function_index } => {
                uses.takes_address = true;
                uses.calls.insert(function_index);
            }
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                uses.globals.insert(global_index);
            }
            _ => {}
        }
    }
    Ok(uses)
}

#[cfg(test)]
mod tests;
