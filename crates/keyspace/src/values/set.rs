//! Sets: an intset while all members are integers and few, then a packed table.
