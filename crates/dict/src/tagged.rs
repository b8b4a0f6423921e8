//! A pointer with sixteen bits beside it: eight bytes on every target.
//!
//! On 64-bit targets the bits live in the pointer's upper sixteen, which user space leaves zero; on 32-bit
//! targets they stand next to it. Both forms compare, order and occupy alike, so that the table's layout does
//! not depend on the target.

/// A pointer and sixteen bits. The null pointer with no bits stands for "nothing here".
#[cfg_attr(not(target_pointer_width = "64"), repr(C))]
pub(crate) struct Tagged<T> {
    word: *mut T,
    #[cfg(not(target_pointer_width = "64"))]
    bits: u32,
}

impl<T> Clone for Tagged<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Tagged<T> {}

const _: () = assert!(size_of::<Tagged<u8>>() == 8);

#[cfg(target_pointer_width = "64")]
impl<T> Tagged<T> {
    const SHIFT: u32 = 48;
    const ADDRESS: usize = (1 << Self::SHIFT) - 1;

    pub(crate) const NONE: Self = Self {
        word: std::ptr::null_mut(),
    };

    #[inline]
    pub(crate) fn new(pointer: *mut T, bits: u16) -> Self {
        Self {
            word: pointer.map_addr(|address| {
                assert!(
                    address <= Self::ADDRESS,
                    "an allocator gave out an address of more than 48 bits"
                );
                address | usize::from(bits) << Self::SHIFT
            }),
        }
    }

    #[inline]
    pub(crate) fn pointer(self) -> *mut T {
        self.word.map_addr(|word| word & Self::ADDRESS)
    }

    #[inline]
    pub(crate) fn bits(self) -> u16 {
        (self.word.addr() >> Self::SHIFT) as u16
    }
}

#[cfg(not(target_pointer_width = "64"))]
impl<T> Tagged<T> {
    pub(crate) const NONE: Self = Self {
        word: std::ptr::null_mut(),
        bits: 0,
    };

    #[inline]
    pub(crate) fn new(pointer: *mut T, bits: u16) -> Self {
        Self {
            word: pointer,
            bits: u32::from(bits),
        }
    }

    #[inline]
    pub(crate) fn pointer(self) -> *mut T {
        self.word
    }

    #[inline]
    pub(crate) fn bits(self) -> u16 {
        self.bits as u16
    }
}

impl<T> Tagged<T> {
    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self.word.is_null()
    }
}
