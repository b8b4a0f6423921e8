//! Both halves of a small program, as files and at work.

use wasm_encoder::{
    ConstExpr, DataSection, ImportSection, IndirectNameMap, MemorySection, MemoryType, NameMap,
    NameSection, RefType, TableType,
};

use super::*;

/// Functions of the small program, by index; 0 is imported.
const NAMES: [&str; 6] = ["log", "main", "cold", "colder", "helper", "in_table"];

/// `main(x)` calls `cold(x)` and whatever is in slot 1; these use a global, memory, an import and a function that stays.
fn program() -> Vec<u8> {
    let mut out = wasm_encoder::Module::new();
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32], []);
    out.section(&types);
    let mut imports = ImportSection::new();
    imports.import("js", "log", EntityType::Function(1));
    out.section(&imports);
    let mut functions = FunctionSection::new();
    for _ in 1..NAMES.len() {
        functions.function(0);
    }
    out.section(&functions);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 3,
        maximum: Some(3),
        shared: false,
    });
    out.section(&tables);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    out.section(&memories);
    let mut globals = GlobalSection::new();
    globals.global(flag(), &ConstExpr::i32_const(1000));
    out.section(&globals);
    let mut exports = ExportSection::new();
    exports.export("main", ExportKind::Func, 1);
    out.section(&exports);
    let mut elements = ElementSection::new();
    elements.active(
        None,
        &ConstExpr::i32_const(1),
        Elements::Functions(Cow::Owned(vec![5, 4])),
    );
    out.section(&elements);

    let mut code = CodeSection::new();
    let mut function = |instructions: &[Instruction]| {
        let mut body = Function::new([]);
        for instruction in instructions {
            body.instruction(instruction);
        }
        body.instruction(&Instruction::End);
        code.function(&body);
    };
    let indirect = Instruction::CallIndirect {
        type_index: 0,
        table_index: 0,
    };
    let memory = wasm_encoder::MemArg {
        offset: 0,
        align: 2,
        memory_index: 0,
    };
    // main: cold(x) + table[1](x)
    function(&[
        Instruction::LocalGet(0),
        Instruction::Call(2),
        Instruction::LocalGet(0),
        Instruction::I32Const(1),
        indirect.clone(),
        Instruction::I32Add,
    ]);
    // cold: log(x); colder(x) + global
    function(&[
        Instruction::LocalGet(0),
        Instruction::Call(0),
        Instruction::LocalGet(0),
        Instruction::Call(3),
        Instruction::GlobalGet(0),
        Instruction::I32Add,
    ]);
    // colder: helper(x) + memory[0]
    function(&[
        Instruction::LocalGet(0),
        Instruction::Call(4),
        Instruction::I32Const(0),
        Instruction::I32Load(memory),
        Instruction::I32Add,
    ]);
    // helper: x * 2
    function(&[
        Instruction::LocalGet(0),
        Instruction::I32Const(2),
        Instruction::I32Mul,
    ]);
    // in_table: x * 10000
    function(&[
        Instruction::LocalGet(0),
        Instruction::I32Const(10_000),
        Instruction::I32Mul,
    ]);
    out.section(&code);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), [100, 0, 0, 0]);
    out.section(&data);
    let mut names = NameSection::new();
    let mut map = NameMap::new();
    for (index, name) in (0..).zip(NAMES) {
        map.append(index, name);
    }
    names.functions(&map);
    names.locals(&IndirectNameMap::new());
    out.section(&names);
    out.finish()
}

/// Runs the halves in Node.js: what `main(7)` is twice, how often the second half was asked for and what was logged.
fn run_halves(halves: &Halves) -> String {
    let folder = std::env::temp_dir().join(format!("lastsave-xtask-{}-split", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("first.wasm"), &halves.first).unwrap();
    fs::write(folder.join("later.wasm"), &halves.later).unwrap();
    let script = r#"
        const read = (name) => new WebAssembly.Module(require("node:fs").readFileSync(process.argv[1] + name));
        let first, loads = 0;
        const logged = [];
        const load = () => { loads++; new WebAssembly.Instance(read("/later.wasm"), { "": first }); };
        first = new WebAssembly.Instance(read("/first.wasm"), { js: { log: (x) => logged.push(x) }, later: { load } }).exports;
        console.log(first.main(7), first.main(7), loads, logged.join());"#;
    let mut node = util::command("node");
    let printed = util::output_of(node.args(["-e", script]).arg(&folder)).expect("node runs");
    fs::remove_dir_all(folder).unwrap();
    printed
}

#[test]
fn both_halves_together_do_what_the_whole_did() {
    let named = ["cold", "in_table"];
    let halves = split(&program(), |name, _| named.contains(&name)).unwrap();
    // `colder` goes with its only caller; `helper` is in the table, so it stays.
    assert_eq!((halves.moved, halves.stubs), (3, 2));
    for half in [&halves.first, &halves.later] {
        wasmparser::validate(half).unwrap();
        let text = String::from_utf8_lossy(half);
        assert!(!text.contains("colder"), "names are left out");
    }
    // 7 * 2 + 100 + 1000 + 70000
    assert_eq!(run_halves(&halves).trim(), "71114 71114 1 7,7");
}

#[test]
fn without_names_nothing_can_be_chosen() {
    let whole = program();
    let halves = split(&whole, |_, _| false).unwrap();
    assert_eq!((halves.moved, halves.stubs), (0, 0));
    assert!(split(&halves.first, |_, _| true).is_err());
}

#[test]
fn short_names_differ() {
    let names: BTreeSet<String> = (0..5000).map(short_name).collect();
    assert_eq!(names.len(), 5000);
    assert!(names.iter().all(|name| name.len() <= 3));
}
