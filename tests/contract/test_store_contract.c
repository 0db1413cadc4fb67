/* src/store/CONTRACT.md, sentence by sentence, over every store. */
#include "store_contract.h"

#include "../unit/check_main.h"

int main(void)
{
    int status = world_start_redis();
    if (status != 0) {
        return status == 77 ? 77 : 1;
    }
    Suite *suite = suite_create("store_contract");
    suite_add_tcase(suite, store_contract_permits());
    suite_add_tcase(suite, store_contract_failures());
    suite_add_tcase(suite, store_contract_limits());
    suite_add_tcase(suite, store_contract_line());
    suite_add_tcase(suite, store_contract_leader());
    suite_add_tcase(suite, store_contract_time());
    status = run_suite(suite);
    world_stop_redis();
    return status;
}
