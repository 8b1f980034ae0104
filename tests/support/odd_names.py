"""Names for generated examples."""

from __future__ import annotations

from hypothesis import strategies as st

# What a disk may hold, odd characters often.
names = st.text(
    st.sampled_from('a B/\t\n\x7f\u240a\u2421\u201b*?[]{}\\",-é\u0301\u00a0🦀')
    | st.characters(exclude_characters="\0", exclude_categories=["Cs"])
)
