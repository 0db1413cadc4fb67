/* What someone who embeds libheadgate writes; compiled by test_install.sh against an installed tree. */
#include <headgate/client.h>
#include <headgate/errors.h>
#include <headgate/policy.h>
#include <headgate/version.h>

#include <stdio.h>
#include <string.h>

static const char text[] = "{\"policy\":\"p\",\"dependencies\":{\"db\":{}},\"fleets\":{\"web\":{\"needs\":{\"db\":1}}}}";

int main(void)
{
    struct hg_policy_set *set = NULL;
    struct hg_policy_errors errors;
    struct hg_client *client = NULL;
    struct hg_client_options options = {.servers = "http://127.0.0.1:1"};
    struct hg_client_ask ask = {.fleet = "web", .instance = "a"};
    struct hg_permit permit;
    int status = hg_policy_set_parse("inline", text, strlen(text), &set, &errors);
    if (status != 0) {
        hg_policy_errors_print(&errors, stderr);
        return 1;
    }
    printf("%s %zu %s\n", hg_version(), set->policies[0].fleet_count, set->policies[0].fleets[0].name);
    hg_policy_set_destroy(set);
    hg_policy_errors_finish(&errors);
    if (strcmp(hg_version(), HG_VERSION) != 0 || hg_client_create(&options, &client) != 0) {
        return 1;
    }
    status = hg_client_acquire(client, &ask, &permit);
    printf("%s: %s\n", hg_error_name(status), hg_client_error(client));
    hg_client_destroy(client);
    return status == HG_E_UNREACHABLE ? 0 : 1;
}
