"""The product beside what people would use instead, each a process of its own."""
