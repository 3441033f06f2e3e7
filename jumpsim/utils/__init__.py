"""Tools of no physics: text tables, progress bars, memory and cores, where a result came from."""
