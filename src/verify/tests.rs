//! Each kind of harm is found, told in words, and told apart from what real histories hold.
