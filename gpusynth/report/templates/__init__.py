"""templates: the page, its style and its script; data files of `gpusynth.report.build`."""
