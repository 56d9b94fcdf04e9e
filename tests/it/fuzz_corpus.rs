//! Every test run reads the inputs that fuzzing found: see `tests/fuzz/`.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use crate::sandbox::files_below;

#[test]
fn nothing_that_fuzzing_came_by_breaks_a_promise() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, target) in targets::ALL {
        let files = files_below(&corpus.join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            // A panic does not name its input.
            let outcome = std::panic::catch_unwind(|| target(&fs::read(&file).unwrap()));
            assert!(outcome.is_ok(), "{}", file.display());
        }
    }
}
