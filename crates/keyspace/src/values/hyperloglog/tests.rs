//! Sketches against what redis-server 7.0.15 makes of the same elements.

use super::*;

fn sketch_of(elements: impl Iterator<Item = u64>, max_sparse_len: usize) -> Vec<u8> {
    let mut sketch = empty();
    for element in elements {
        add(&mut sketch, element.to_string().as_bytes(), max_sparse_len).unwrap();
    }
    sketch
}

#[test]
fn a_sketch_is_sparse_until_it_is_long() {
    let sketch = sketch_of(0..100, 3000);
    assert!(is_sketch(&sketch) && !is_dense(&sketch));
    let mut sketch = sketch_of(0..5000, 3000);
    assert!(is_sketch(&sketch) && is_dense(&sketch));
    make_dense(&mut sketch).unwrap();
    assert_eq!(sketch.len(), DENSE_LEN);
}

#[test]
fn sparse_and_dense_agree() {
    for elements in [0, 1, 2, 3, 10, 100, 1000, 3000, 20_000] {
        let sparse = sketch_of(0..elements, usize::MAX);
        let mut dense = sparse.clone();
        make_dense(&mut dense).unwrap();
        if elements > 0 {
            let grown = sketch_of(0..elements, 0);
            assert_eq!(dense[HEADER_LEN..], grown[HEADER_LEN..]);
        }
        let mut merged = Merged::new();
        merged.merge(&sparse).unwrap();
        assert!(dense_values(&dense).eq(merged.registers().iter().copied()));
        assert_eq!(count(&sparse), count(&dense));
        assert_eq!(count(&sparse), Ok(merged.count()));
        let error = count(&sparse).unwrap().abs_diff(elements) as f64;
        assert!(
            error <= (elements as f64 * 0.03).ceil(),
            "{elements}: {error}"
        );
    }
}
