"""A run as a folder that can be published: its tables, texts and times, without the data set that it learnt from."""
