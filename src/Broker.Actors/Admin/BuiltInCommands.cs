using System.Text.Json.Nodes;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Transport;

namespace Broker.Actors.Admin;

/// <summary>The palettes that each node has.</summary>
internal static class BuiltInCommands
{
    /// <summary>How long a command waits for an actor.</summary>
    public static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(10);

    public static AdminCommands Create(ActorSystem system, NodeServices node, IQuicTransport transport, IQuicListener listener) => new(
    [
        .. ClusterPalette.Commands(system, node, transport, listener),
        .. MembershipPalette.Commands(system, node),
        .. ShardPalette.Commands(node),
        .. ShardPalette.Orders(node),
        .. ActorPalette.Commands(system),
        .. ExchangePalette.Commands(node),
        .. QueuePalette.Commands(node),
        .. QueueLifePalette.Commands(node),
        .. ConnectionPalette.Commands(node),
        .. AddressPalette.Commands(node),
        .. StorePalette.Commands(node),
        .. UserPalette.Commands(node),
        .. VhostPalette.Commands(node),
        .. PermissionPalette.Commands(node),
        .. PolicyPalette.Commands(node),
        .. DefinitionPalette.Commands(node),
    ]);

    public static Task<IReadOnlyList<JsonObject>> Rows(params IEnumerable<JsonObject> rows) => Task.FromResult<IReadOnlyList<JsonObject>>([.. rows]);
}
