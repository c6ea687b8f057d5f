"""The series of InternVL: one module each, a row for each size."""
