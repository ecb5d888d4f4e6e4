"""From the stored ratings to a published version, and the search for the hyper-parameters that suit them best."""
