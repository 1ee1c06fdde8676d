"""The kernel's side: DIMMs, label areas, regions, namespaces, sizes, device numbers."""
