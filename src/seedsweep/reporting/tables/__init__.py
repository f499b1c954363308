"""The comparison table: rows, words around it, formats."""
