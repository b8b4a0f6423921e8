//! A module as the splitter sees it: sections as they are read, and who refers to whom.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{
    BinaryReaderError, Element, ElementItems, ElementKind, Export, ExternalKind, FunctionBody,
    Global, Import, KnownCustom, Name, Operator, Parser, Payload, Table, TypeRef,
    TypeSectionReader,
};

use crate::util::Result;

/// What a function refers to, by index.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) calls: BTreeSet<u32>,
    pub(super) globals: BTreeSet<u32>,
    /// Whether it has a `ref.func`.
    pub(super) takes_address: bool,
}

/// A parsed module.
pub(super) struct Module<'a> {
    pub(super) types: TypeSectionReader<'a>,
    /// How many parameters each type has, if it is one of functions.
    parameters: Vec<u32>,
    pub(super) imports: Vec<Import<'a>>,
    /// How many functions are imported; theirs are the first indices.
    pub(super) imported: u32,
    /// The type of each function, imported ones first.
    pub(super) functions: Vec<u32>,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memory: &'a [u8],
    pub(super) memory_type: wasmparser::MemoryType,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) exports: Vec<Export<'a>>,
    pub(super) start: Option<u32>,
    pub(super) elements: Vec<Element<'a>>,
    /// Slots of the function table and what is in them.
    pub(super) table_entries: Vec<(u32, u32)>,
    pub(super) counts_data: bool,
    pub(super) data_count: u32,
    pub(super) data: &'a [u8],
    bodies: Vec<FunctionBody<'a>>,
    uses: Vec<Uses>,
    pub(super) names: BTreeMap<u32, String>,
    /// What is referred to from outside of all functions.
    pub(super) roots: BTreeSet<u32>,
}

impl<'a> Module<'a> {
    /// Reads a module.
    ///
    /// # Errors
    /// If it is malformed.
    pub(super) fn parse(wasm: &'a [u8]) -> std::result::Result<Self, BinaryReaderError> {
        let nothing = wasmparser::BinaryReader::new(&[0], 0);
        let mut module = Self {
            types: TypeSectionReader::new(nothing)?,
            parameters: Vec::new(),
            imports: Vec::new(),
            imported: 0,
            functions: Vec::new(),
            tables: Vec::new(),
            memory: &[0],
            memory_type: wasmparser::MemoryType {
                memory64: false,
                shared: false,
                initial: 0,
                maximum: None,
                page_size_log2: None,
            },
            globals: Vec::new(),
            exports: Vec::new(),
            start: None,
            elements: Vec::new(),
            table_entries: Vec::new(),
            counts_data: false,
            data_count: 0,
            data: &[0],
            bodies: Vec::new(),
            uses: Vec::new(),
            names: BTreeMap::new(),
            roots: BTreeSet::new(),
        };
        for payload in Parser::new(0).parse_all(wasm) {
            module.take(payload?, wasm)?;
        }
        module.find_roots()?;
        Ok(module)
    }

    fn take(
        &mut self,
        payload: Payload<'a>,
        wasm: &'a [u8],
    ) -> std::result::Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(types) => {
                self.types = types.clone();
                for group in types {
                    for ty in group?.into_types() {
                        let function = match &ty.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(function) => {
                                function.params().len()
                            }
                            _ => 0,
                        };
                        self.parameters.push(function as u32);
                    }
                }
            }
            Payload::ImportSection(imports) => {
                self.imports = imports
                    .into_imports()
                    .collect::<std::result::Result<_, _>>()?;
                for import in &self.imports {
                    if let TypeRef::Func(ty) = import.ty {
                        self.functions.push(ty);
                    }
                }
                self.imported = self.functions.len() as u32;
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(tables) => {
                self.tables = tables.into_iter().collect::<std::result::Result<_, _>>()?;
            }
            Payload::MemorySection(memory) => {
                self.memory = &wasm[memory.range()];
                for ty in memory {
                    self.memory_type = ty?;
                }
            }
            Payload::GlobalSection(globals) => {
                self.globals = globals.into_iter().collect::<std::result::Result<_, _>>()?;
            }
            Payload::ExportSection(exports) => {
                self.exports = exports.into_iter().collect::<std::result::Result<_, _>>()?;
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(elements) => {
                self.elements = elements
                    .into_iter()
                    .collect::<std::result::Result<_, _>>()?;
            }
            Payload::DataCountSection { count, .. } => {
                self.counts_data = true;
                self.data_count = count;
            }
            Payload::DataSection(data) => self.data = &wasm[data.range()],
            Payload::CodeSectionEntry(body) => {
                self.uses.push(super::uses_of(&body)?);
                self.bodies.push(body);
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    for subsection in names {
                        if let Name::Function(functions) = subsection? {
                            for naming in functions {
                                let naming = naming?;
                                self.names.insert(naming.index, naming.name.to_owned());
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Exports, what the table holds, and the start.
    fn find_roots(&mut self) -> std::result::Result<(), BinaryReaderError> {
        let exported = self
            .exports
            .iter()
            .filter(|export| export.kind == ExternalKind::Func);
        self.roots.extend(exported.map(|export| export.index));
        self.roots.extend(self.start);
        for element in &self.elements {
            let mut functions = Vec::new();
            match &element.items {
                ElementItems::Functions(items) => {
                    for function in items.clone() {
                        functions.push(function?);
                    }
                }
                ElementItems::Expressions(_, items) => {
                    for item in items.clone() {
                        for operator in item?.get_operators_reader() {
                            if let Operator::RefFunc { function_index } = operator? {
                                functions.push(function_index);
                            }
                        }
                    }
                }
            }
            self.roots.extend(&functions);
            if let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(_)) =
                (&element.kind, &element.items)
                && let Operator::I32Const { value } = offset_expr.get_operators_reader().read()?
            {
                let slots = (value as u32..).zip(functions);
                self.table_entries.extend(slots);
            }
        }
        Ok(())
    }

    /// The functions that the module itself has.
    pub(super) fn defined(&self) -> std::ops::Range<u32> {
        self.imported..self.functions.len() as u32
    }

    /// What a function refers to; imported ones refer to nothing.
    pub(super) fn calls(&self, function: u32) -> impl Iterator<Item = &u32> {
        let own = function.checked_sub(self.imported);
        own.into_iter()
            .flat_map(|index| &self.uses[index as usize].calls)
    }

    /// What a function of the module itself refers to.
    pub(super) fn uses(&self, function: u32) -> &Uses {
        &self.uses[(function - self.imported) as usize]
    }

    /// The body of a function of the module itself.
    pub(super) fn body(&self, function: u32) -> &FunctionBody<'a> {
        &self.bodies[(function - self.imported) as usize]
    }

    pub(super) fn type_of(&self, function: u32) -> u32 {
        self.functions[function as usize]
    }

    /// How many parameters a type of functions has.
    pub(super) fn parameters(&self, ty: u32) -> u32 {
        self.parameters[ty as usize]
    }

    /// The table of functions and its size.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn function_table(&self) -> Result<(u32, u32)> {
        let mut tables = (0..).zip(&self.tables);
        tables
            .find(|(_, table)| table.ty.element_type.is_func_ref())
            .map(|(index, table)| (index, table.ty.initial as u32))
            .ok_or_else(|| "the program has no table of functions".into())
    }
}
