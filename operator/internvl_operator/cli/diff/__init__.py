"""What ``internvl diff -f`` says of an edit."""
