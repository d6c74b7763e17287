-- Every query ends with this: a question that costs too much fails, and never with half an answer.
SETTINGS
    max_execution_time = 15,
    timeout_overflow_mode = 'throw',
    max_memory_usage = 2000000000,
    max_result_rows = 10000,
    result_overflow_mode = 'throw'
