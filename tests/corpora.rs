//! Inputs that the fuzz targets once found, kept and tried again.

use std::path::Path;

use lastsave_tests::fuzzing;

/// What a fuzz target does with an input.
type Target = fn(&[u8]);

#[test]
fn kept_inputs_break_nothing() {
    let targets: [(&str, Target); 8] = [
        ("aof", fuzzing::aof),
        ("config", fuzzing::config),
        ("link", fuzzing::link),
        ("manifest", fuzzing::manifest),
        ("rdb", fuzzing::rdb),
        ("requests", fuzzing::requests),
        ("restore", fuzzing::restore),
        ("scenario", fuzzing::scenario),
    ];
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets {
        let mut inputs = 0;
        for entry in corpora
            .join(name)
            .read_dir()
            .expect("each target has kept inputs")
        {
            let path = entry.expect("the folder can be read").path();
            println!("{}", path.display());
            target(&std::fs::read(path).expect("the input can be read"));
            inputs += 1;
        }
        assert!(inputs > 0, "no inputs are kept for {name}");
    }
}
