"""Does a model answer rightly: seconds of small structures, before anything is scored."""
