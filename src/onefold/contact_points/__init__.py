"""What customers are reached and identified by: emails, phones, social accounts, browsers, customer IDs."""
