"""A bench for battery passports: a physical pack behind a real, an emulated or a simulated board, with faults."""
