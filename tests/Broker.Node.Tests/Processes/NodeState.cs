using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Client;

namespace Broker.Node.Tests.Processes;

/// <summary>What a node holds for its clients, as an administrator sees it.</summary>
/// <param name="Connections">Connections, the one that asks included.</param>
/// <param name="HandshakesPending">Handshakes under way.</param>
/// <param name="HandshakesFailed">Handshakes that failed since the start.</param>
/// <param name="ClientActors">Actors of connections and their streams.</param>
/// <param name="MessageBytes">Bytes of messages in queues.</param>
internal sealed record NodeState(int Connections, int HandshakesPending, long HandshakesFailed, int ClientActors, long MessageBytes)
{
    public static async Task<NodeState> ReadAsync(BrokerClient admin)
    {
        var node = Assert.Single(await RowsAsync(admin, "cluster show"));
        var actors = await RowsAsync(admin, "actor hierarchy", new JsonObject { ["start"] = "/user/listener" });
        return new NodeState(
            node.GetProperty("connections").GetInt32(),
            node.GetProperty("handshakesPending").GetInt32(),
            node.GetProperty("handshakesFailed").GetInt64(),
            actors.Count - 1,
            node.GetProperty("messageBytes").GetInt64());
    }

    public static async Task<List<JsonElement>> RowsAsync(BrokerClient admin, string command, JsonObject? arguments = null)
    {
        using var limit = new CancellationTokenSource(Wait.Limit);
        var rows = new List<JsonElement>();
        await foreach (var row in admin.AdminAsync(command, arguments, limit.Token))
        {
            rows.Add(row);
        }

        return rows;
    }

    /// <summary>Waits until the node holds no more connections, handshakes and actors of clients than it did in this state.</summary>
    public Task<NodeState> ReturnsAsync(BrokerClient admin, TimeSpan? limit = null) => Wait.Until(
        () => ReadAsync(admin),
        now => now.Connections <= Connections && now.HandshakesPending <= HandshakesPending && now.ClientActors <= ClientActors,
        $"the node is back to {this}",
        limit);
}
