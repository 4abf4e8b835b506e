using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using Broker.Actors.Admin;
using Broker.Actors.Topology;
using Broker.Machines.Access;
using Broker.Machines.Policies;

namespace Broker.Actors.Policies;

/// <summary>A policy as somebody writes it, on a command line, in a file or in the metadata store.</summary>
/// <param name="Vhost">The vhost.</param>
/// <param name="Name">Its name.</param>
/// <param name="IsOperator">Whether it is an operator's.</param>
/// <param name="Pattern">Names that it is for; an empty one matches everything, as in RabbitMQ.</param>
/// <param name="ApplyTo">What it is for.</param>
/// <param name="Priority">Its priority.</param>
/// <param name="Definition">What it says: a JSON object.</param>
internal sealed record PolicyDeclaration(string Vhost, string Name, bool IsOperator, string Pattern, string ApplyTo, int Priority, JsonNode? Definition)
{
    /// <summary>What policies can be for.</summary>
    public const string Targets = "all, queues, classic_queues, quorum_queues, streams, logs or exchanges";

    /// <summary>Reads it.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="problem">What is wrong with it, and what would be right.</param>
    public bool TryRead([NotNullWhen(true)] out Policy? policy, [NotNullWhen(false)] out string? problem)
    {
        policy = null;
        problem = VhostArgument.CheckName(Name, "policy");
        if (problem is null && !Policy.TryParseTarget(ApplyTo, out _))
        {
            problem = $"a policy cannot be for '{ApplyTo}'; it can be for {Targets}";
        }

        if (problem is not null
            || !NamePattern.TryParse(Pattern, Pattern.Length == 0 ? ".*" : Pattern, out var pattern, out problem)
            || !FieldTableJson.TryRead(Definition, out var table, out problem))
        {
            return false;
        }

        if (!PolicyDefinition.TryParse(table, IsOperator, out var definition, out var fault))
        {
            problem = fault.Reason;
            return false;
        }

        policy = new Policy { Vhost = Vhost, Name = Name, IsOperator = IsOperator, Pattern = pattern, ApplyTo = ApplyTo, Priority = Priority, Definition = definition };
        return true;
    }
}
