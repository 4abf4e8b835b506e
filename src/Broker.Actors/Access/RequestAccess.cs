using Broker.Actors.Topology;
using Broker.Machines.Access;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Access;

/// <summary>Which access a client's request to the topology needs.</summary>
internal static class RequestAccess
{
    /// <summary>Checks a request.</summary>
    /// <param name="access">What the client may do in the vhost that all names of the request are in.</param>
    /// <param name="request">The request.</param>
    /// <param name="routes">Tells which exchanges are topic exchanges.</param>
    /// <returns><c>null</c>, or ACCESS_REFUSED.</returns>
    public static FrameFault? Check(UserAccess access, TopologyRequest request, IRouter routes) => request switch
    {
        TopologyRequest.DeclareExchange r => access.DeclareExchange(EntityName.LocalOf(r.Name), r.Passive, TextOf(r.Arguments, "alternate-exchange")),
        TopologyRequest.DeleteExchange r => access.DeleteExchange(EntityName.LocalOf(r.Name)),
        TopologyRequest.DeclareQueue r => access.DeclareQueue(NameOf(r), r.Passive, TextOf(r.Arguments, "x-dead-letter-exchange")),
        TopologyRequest.DeleteQueue r => access.DeleteQueue(EntityName.LocalOf(r.Name)),
        TopologyRequest.Bind r => Check(access, r.Binding, routes),
        TopologyRequest.Unbind r => Check(access, r.Binding, routes),
        _ => throw new ArgumentException($"request {request} is none of a client", nameof(request)),
    };

    private static FrameFault? Check(UserAccess access, Binding binding, IRouter routes) => access.Bind(
        EntityName.LocalOf(binding.Destination),
        binding.Kind == DestinationKind.Exchange,
        EntityName.LocalOf(binding.Exchange),
        routes.TryFind(binding.Exchange, out var found) && found.Definition.RoutesAs == ExchangeKind.Topic,
        binding.RoutingKey);

    /// <summary>The name that is asked for; for one that the broker makes up, another of the kind.</summary>
    private static string NameOf(TopologyRequest.DeclareQueue request) => EntityName.LocalOf((request.IsUnnamed ? request.WithMadeUpName() : request).Name);

    /// <summary>What an argument says; nothing if it is not there, or no text, which the topology refuses.</summary>
    private static string? TextOf(FieldTable arguments, string name) => arguments.TryGetValue(name, out var value) ? value.AsText() : null;
}
