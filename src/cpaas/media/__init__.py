"""Files that messages carry: fetched from customers' URLs safely and once, kept as blobs."""
