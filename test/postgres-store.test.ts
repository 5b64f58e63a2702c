import { storeContract } from "./store.contract.ts";
import { auditContract } from "./store-audit.contract.ts";
import { cancelsContract } from "./store-cancels.contract.ts";
import { eventsContract } from "./store-events.contract.ts";
import { marksContract } from "./store-marks.contract.ts";
import { orderContract } from "./store-order.contract.ts";
import { pausesContract } from "./store-pauses.contract.ts";
import { previewsContract } from "./store-previews.contract.ts";
import { sessionsContract } from "./store-sessions.contract.ts";
import { successesContract } from "./store-successes.contract.ts";
import { waitsContract } from "./store-waits.contract.ts";
import { workflowsContract } from "./store-workflows.contract.ts";
import { postgresForTests } from "./support/postgres.ts";
import { timedPostgres } from "./support/timed-stores.ts";

const open = timedPostgres(postgresForTests());

storeContract("PostgreSQL", open);
waitsContract("PostgreSQL", open);
cancelsContract("PostgreSQL", open);
pausesContract("PostgreSQL", open);
orderContract("PostgreSQL", open);
previewsContract("PostgreSQL", open);
marksContract("PostgreSQL", open);
workflowsContract("PostgreSQL", open);
successesContract("PostgreSQL", open);
eventsContract("PostgreSQL", open);
sessionsContract("PostgreSQL", open);
auditContract("PostgreSQL", open);
