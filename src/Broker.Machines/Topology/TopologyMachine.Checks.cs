using Broker.Machines.Queues;
using Broker.Machines.Routing;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>What is refused, and why.</summary>
public sealed partial class TopologyMachine
{
    private static FrameFault DeclaredOtherwise(string what, string name, string difference) =>
        new(ErrorCode.PreconditionFailed, $"{what} '{EntityName.LocalOf(name)}' {difference}; delete it first or declare it as it is");

    private static string? Differs(ExchangeDefinition existing, ExchangeDefinition wanted)
    {
        if (existing.Kind != wanted.Kind)
        {
            return $"is of type '{existing.Kind.NameOf()}', not '{wanted.Kind.NameOf()}'";
        }

        return TopologyNames.IsBuiltIn(existing.Name) ? null
            : Differs(existing.Durable, wanted.Durable, "durable", "transient")
            ?? Differs(existing.AutoDelete, wanted.AutoDelete, "auto-delete", "for good")
            ?? Differs(existing.Internal, wanted.Internal, "internal", "for publishers")
            ?? existing.Arguments.DifferenceTo(wanted.Arguments);
    }

    private static string? Differs(QueueDefinition existing, QueueDefinition wanted) =>
        Differs(existing.Durable, wanted.Durable, "durable", "transient")
        ?? Differs(existing.AutoDelete, wanted.AutoDelete, "auto-delete", "for good")
        ?? Differs(existing.Owner.Length > 0, wanted.Owner.Length > 0, "exclusive", "for everybody")
        ?? existing.Arguments.DifferenceTo(wanted.Arguments);

    private static string? Differs(bool existing, bool wanted, string yes, string no) => existing == wanted ? null : $"is {(existing ? yes : no)}, not {(wanted ? yes : no)}";

    private static bool TryDefine(QueueDeclaration declaration, out QueueDefinition queue, out FrameFault fault)
    {
        queue = new QueueDefinition(declaration.Name, declaration.Durable) { AutoDelete = declaration.AutoDelete };
        if (!QueueArguments.TryParse(declaration.Arguments, out var arguments, out fault))
        {
            return false;
        }

        var wrong = declaration is { Exclusive: true, Asker: null } ? "an exclusive queue belongs to a connection; declare it on one"
            : arguments.Kind == QueueKind.Log && (declaration.Exclusive || declaration.AutoDelete) ? "a log ('x-queue-type') is neither exclusive nor auto-delete"
            : null;
        fault = wrong is null ? default : new FrameFault(ErrorCode.InvalidArgument, wrong);
        queue = queue with { Owner = declaration.Exclusive ? declaration.Asker ?? "" : "", Arguments = arguments };
        return wrong is null;
    }

    private FrameFault? CheckNew(string what, string name) => CheckVhostOf(name) ?? TopologyNames.Check(what, name);

    private FrameFault? CheckVhostOf(string entity) => HasVhost(EntityName.VhostOf(entity)) ? null : NoVhost(EntityName.VhostOf(entity));

    private FrameFault? CheckEnds(Binding binding, string? asker)
    {
        if (CheckDefault(binding) is { } fault)
        {
            return fault;
        }

        if (!_exchanges.ContainsKey(binding.Exchange))
        {
            return NoExchange(binding.Exchange);
        }

        if (binding.Kind == DestinationKind.Exchange)
        {
            return _exchanges.ContainsKey(binding.Destination) ? null : NoExchange(binding.Destination);
        }

        return _queues.TryGetValue(binding.Destination, out var queue) ? QueueAccess.Check(binding.Destination, queue.Definition.Owner, asker) : NoQueue(binding.Destination);
    }

    private static FrameFault? CheckDefault(Binding binding) =>
        TopologyNames.IsDefault(binding.Exchange) || (binding.Kind == DestinationKind.Exchange && TopologyNames.IsDefault(binding.Destination))
            ? new FrameFault(ErrorCode.AccessRefused, "the default exchange routes by queue name; it cannot be bound or unbound")
            : null;
}
