"""Goods and services tax: GSTINs, tax by state, financial years, serial numbers, invoices. Money is integer paise."""
