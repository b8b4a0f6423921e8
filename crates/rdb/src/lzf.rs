//! LZF, the compression of strings in RDB files: the exact bytes of the library that Redis embeds.
