"""What tests share: random models, killed runs, clusters, pages."""
