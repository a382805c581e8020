//! The DEFLATE encoders that write BGZF files, at fixed versions, behind one safe face.
