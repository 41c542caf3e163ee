"""cluster: the fits and draws of a run as tasks of Dask workers, to the same bytes.

Tasks and their results are paths, numbers and texts. Data and models are files in the run's work
directory, which every worker must see.
"""
