namespace Broker.Actors.Tests.Access;

/// <summary>Files as RabbitMQ's <c>rabbitmqctl export_definitions</c> and its management plugin write them.</summary>
internal static class RabbitMqDefinitions
{
    /// <summary>Of a node of RabbitMQ 3.13: all sections.</summary>
    public const string Whole = """
        {
          "bindings": [
            {"arguments": {}, "destination": "orders", "destination_type": "queue", "routing_key": "order.#", "source": "events", "vhost": "shop"},
            {"arguments": {"x-match": "all", "region": "eu", "weight": 3}, "destination": "eu", "destination_type": "queue", "routing_key": "", "source": "by-region", "vhost": "shop"},
            {"arguments": {}, "destination": "by-region", "destination_type": "exchange", "routing_key": "#", "source": "events", "vhost": "shop"},
            {"arguments": {}, "destination": "missing", "destination_type": "queue", "routing_key": "k", "source": "events", "vhost": "shop"}
          ],
          "exchanges": [
            {"arguments": {}, "auto_delete": false, "durable": true, "internal": false, "name": "events", "type": "topic", "vhost": "shop"},
            {"arguments": {"alternate-exchange": "events"}, "auto_delete": false, "durable": true, "internal": true, "name": "by-region", "type": "headers", "vhost": "shop"},
            {"arguments": {}, "auto_delete": false, "durable": true, "internal": false, "name": "modulus", "type": "x-modulus-hash", "vhost": "shop"}
          ],
          "global_parameters": [
            {"name": "cluster_name", "value": "rabbit@host.example"},
            {"name": "internal_cluster_id", "value": "rabbitmq-cluster-id-HnoeaLbpyRQNCSoJTxBHZA"}
          ],
          "parameters": [
            {"component": "federation-upstream", "name": "origin", "value": {"uri": "amqp://origin.example"}, "vhost": "shop"},
            {"component": "operator_policy", "name": "bounds", "value": {"apply-to": "queues", "definition": {"max-length": 10000}, "pattern": "", "priority": 0}, "vhost": "shop"},
            {"component": "vhost-limits", "name": "limits", "value": {"max-connections": 100, "max-queues": -1}, "vhost": "shop"}
          ],
          "permissions": [
            {"configure": ".*", "read": ".*", "user": "guest", "vhost": "/", "write": ".*"},
            {"configure": "^$", "read": "^orders$", "user": "worker", "vhost": "shop", "write": "^(?!secret)"},
            {"configure": "", "read": "^orders$", "user": "packer", "vhost": "shop", "write": ""}
          ],
          "policies": [
            {"apply-to": "queues", "definition": {"dead-letter-exchange": "events", "message-ttl": 86400000}, "name": "dlx", "pattern": "^orders", "priority": 1, "vhost": "shop"},
            {"apply-to": "all", "definition": {"ha-mode": "all", "ha-sync-mode": "automatic"}, "name": "ha", "pattern": "", "priority": 0, "vhost": "/"}
          ],
          "product_name": "RabbitMQ",
          "product_version": "3.13.7",
          "queues": [
            {"arguments": {"x-queue-type": "quorum", "x-delivery-limit": 5, "x-dead-letter-exchange": "events"}, "auto_delete": false, "durable": true, "name": "orders", "type": "quorum",
             "vhost": "shop"},
            {"arguments": {"x-queue-type": "classic", "x-queue-mode": "lazy"}, "auto_delete": false, "durable": true, "name": "eu", "type": "classic", "vhost": "shop"},
            {"arguments": {"x-queue-type": "classic", "x-something": 1}, "auto_delete": false, "durable": true, "name": "strange", "type": "classic", "vhost": "shop"},
            {"arguments": {}, "auto_delete": false, "durable": true, "name": "lost", "type": "classic", "vhost": "nowhere"}
          ],
          "rabbit_version": "3.13.7",
          "rabbitmq_version": "3.13.7",
          "topic_permissions": [
            {"exchange": "events", "read": "^order\\.", "user": "worker", "vhost": "shop", "write": "^{username}\\."}
          ],
          "users": [
            {"hashing_algorithm": "rabbit_password_hashing_sha256", "limits": {}, "name": "guest", "password_hash": "9FexwVAyBZe4iYN+1rPrX/3Oq0jQHwLYo0UfC+tuGpGmuf4r", "tags": ["administrator"]},
            {"hashing_algorithm": "rabbit_password_hashing_sha256", "limits": {"max-connections": 10, "max-channels": 20}, "name": "worker", "password_hash": "x", "tags": []}
          ],
          "vhosts": [
            {"limits": [], "metadata": {"description": "Default virtual host", "tags": []}, "name": "/"},
            {"limits": [{"max-connections": 100}], "metadata": {"description": "what is sold", "tags": ["production"]}, "name": "shop"}
          ]
        }
        """;

    /// <summary>Of one vhost of RabbitMQ 4, whose entries name no vhost.</summary>
    public const string OneVhost = """
        {
          "rabbit_version": "4.1.0", "rabbitmq_version": "4.1.0", "product_name": "RabbitMQ", "product_version": "4.1.0", "rabbitmq_definition_format": "single_virtual_host",
          "original_vhost_name": "shop", "explanation": "Definitions of virtual host 'shop'", "metadata": {"description": "", "tags": []}, "description": "",
          "default_queue_type": "quorum", "limits": [],
          "parameters": [],
          "policies": [{"name": "short", "pattern": "^q", "apply-to": "quorum_queues", "definition": {"max-length": 5}, "priority": 2}],
          "queues": [{"name": "q", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "quorum"}}],
          "exchanges": [{"name": "x", "type": "fanout", "durable": true, "auto_delete": false, "internal": false, "arguments": {}}],
          "bindings": [{"source": "x", "destination": "q", "destination_type": "queue", "routing_key": "", "arguments": {}}]
        }
        """;
}
