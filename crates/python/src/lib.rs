//! readvault._core: the Python face of readvault-core.
