//! Builds the older generations of libdeflate from `vendor/`, each with its symbols renamed.
//!
//! libdeflate's output changed between its releases, and a program can link its symbols only
//! once, so every generation but the newest is compiled here under a prefix of its own.

/// Version in the folder's name, and the prefix of its symbols.
const GENERATIONS: [(&str, &str); 3] = [
    ("1.7", "readvault_ld17"),
    ("1.14", "readvault_ld114"),
    ("1.18", "readvault_ld118"),
];

/// Every external name of the vendored sources; a missing one would meet the newest libdeflate.
const SYMBOLS: [&str; 11] = [
    "libdeflate_alloc_compressor",
    "libdeflate_free_compressor",
    "libdeflate_deflate_compress",
    "libdeflate_deflate_compress_bound",
    "libdeflate_get_compression_level",
    "_libdeflate_deflate_get_compression_level",
    "libdeflate_malloc",
    "libdeflate_free",
    "libdeflate_aligned_malloc",
    "libdeflate_aligned_free",
    "libdeflate_set_memory_allocator",
];

/// Variables of `utils.c`, renamed for the same reason.
const VARIABLES: [&str; 2] = ["libdeflate_malloc_func", "libdeflate_free_func"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=vendor");
    for (version, prefix) in GENERATIONS {
        let folder = format!("vendor/libdeflate-{version}");
        let mut build = cc::Build::new();
        build
            .file(format!("{folder}/lib/deflate_compress.c"))
            .file(format!("{folder}/lib/utils.c"))
            .include(&folder)
            .include(format!("{folder}/common"))
            .opt_level(2)
            .warnings(false);
        for symbol in SYMBOLS.iter().chain(&VARIABLES) {
            let renamed = symbol
                .trim_start_matches('_')
                .replacen("libdeflate", prefix, 1);
            build.define(symbol, renamed.as_str());
        }
        build.compile(prefix);
    }
}
