SELECT true AS broken, format('this server has no macro {}', wanted) AS what,
    format('<macros><{0}>…</{0}></macros> in its configuration', wanted) AS remedy
FROM (SELECT arrayJoin(['shard', 'replica']) AS wanted)
WHERE wanted NOT IN (SELECT macro FROM system.macros)
UNION ALL
SELECT DISTINCT true, format('shard {} writes to each replica by itself', toString(shard_num)),
    '<internal_replication>true</internal_replication> for the shard in remote_servers'
FROM system.clusters
WHERE cluster = {cluster:String} AND NOT internal_replication
UNION ALL
SELECT true, format('replicated table {} is read-only: {}', table, zookeeper_exception), 'look after ClickHouse Keeper, then SYSTEM RESTART REPLICA'
FROM system.replicas
WHERE database = {database:String} AND is_readonly
UNION ALL
SELECT false, format('replica of table {} lags by {} s', table, toString(absolute_delay)), 'look at system.replication_queue'
FROM system.replicas
WHERE database = {database:String} AND absolute_delay > 30
UNION ALL
SELECT true, format('server {} has {} of {} tables', host, toString(tables), toString(max(tables) OVER ())),
    'run there what SHOW CREATE DATABASE and SHOW CREATE TABLE say on another server, the tables that end in _local first'
FROM
(
    SELECT hostName() AS host, countIf(database = {database:String}) AS tables
    FROM clusterAllReplicas({cluster:String}, system.tables)
    GROUP BY host
)
QUALIFY tables < max(tables) OVER ()
