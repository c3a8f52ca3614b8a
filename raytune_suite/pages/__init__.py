"""What self-contained HTML pages share: documents, their rendering, and figures as inline SVG."""
