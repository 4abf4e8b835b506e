using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Actors.Policies;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Protocol;
using Policy = Broker.Machines.Policies.Policy;

namespace Broker.Actors.Admin;

/// <summary><c>policy</c> and <c>operator-policy</c>: settings for the queues and exchanges whose names match.</summary>
internal static class PolicyPalette
{
    private static readonly string[] s_columns = ["vhost", "name", "pattern", "applyTo", "definition", "priority"];
    private static readonly AdminArgument Name = new("name", ArgumentKind.Positional, "string", "Name of the policy", Required: true);

    public static IEnumerable<AdminCommand> Commands(NodeServices node) => [.. Of(node, isOperator: false), .. Of(node, isOperator: true)];

    private static IEnumerable<AdminCommand> Of(NodeServices node, bool isOperator)
    {
        var (palette, kind) = isOperator ? ("operator-policy", "operator policy") : ("policy", "policy");
        yield return new AdminCommand(
            $"{palette} list",
            isOperator ? "List the operator policies: bounds that no declaration or policy exceeds" : "List the policies, of which the one with the highest priority counts for a queue",
            [VhostArgument.Filter],
            s_columns,
            (a, _) => BuiltInCommands.Rows((isOperator ? node.Policies.OperatorPolicies : node.Policies.Policies).All.Where(p => VhostArgument.Shows(a, p.Vhost)).Select(Row)),
            WhileRecovering: true);
        yield return new AdminCommand(
            $"{palette} set",
            $"Set an {kind}, in place of the one of that name".Replace("an policy", "a policy", StringComparison.Ordinal),
            [
                Name,
                new AdminArgument("pattern", ArgumentKind.Positional, "string", "Names of queues and exchanges, a regular expression", Required: true),
                new AdminArgument("definition", ArgumentKind.Positional, "string", "What it says, a JSON object such as {\"max-length\": 1000}", Required: true),
                new AdminArgument("priority", ArgumentKind.Option, "int", "Of those that match, the highest counts", Default: 0),
                new AdminArgument("apply-to", ArgumentKind.Option, "string", PolicyDeclaration.Targets, Default: isOperator ? "queues" : "all"),
                VhostArgument.Option,
            ],
            s_columns,
            async (a, token) =>
            {
                var declaration = new PolicyDeclaration(
                    VhostArgument.Of(node, a), a.Text("name"), isOperator, a.Text("pattern"), a.Text("apply-to"), a.Number("priority", int.MinValue, int.MaxValue), Parse(a.Text("definition")));
                if (!declaration.TryRead(out var policy, out var problem))
                {
                    throw new AdminException(ErrorCode.InvalidArgument, problem);
                }

                await VhostArgument.StoreAsync(node.Policies.SetAsync(policy, token));
                return [Row(policy)];
            },
            WhileRecovering: true);
        yield return new AdminCommand(
            $"{palette} clear",
            "Take it back; no effect if there is none of that name",
            [Name, VhostArgument.Option],
            ["vhost", "name"],
            async (a, token) =>
            {
                var vhost = VhostArgument.Of(node, a);
                await VhostArgument.StoreAsync(node.Policies.ClearAsync(vhost, a.Text("name"), isOperator, token));
                return [new JsonObject { ["vhost"] = vhost, ["name"] = a.Text("name") }];
            },
            WhileRecovering: true);
    }

    private static JsonNode? Parse(string json)
    {
        try
        {
            return JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new AdminException(ErrorCode.InvalidArgument, $"the definition is no JSON object such as {{\"max-length\": 1000}}: {e.Message}");
        }
    }

    private static JsonObject Row(Policy policy) => new()
    {
        ["vhost"] = policy.Vhost,
        ["name"] = policy.Name,
        ["pattern"] = policy.Pattern.Text,
        ["applyTo"] = policy.ApplyTo,
        ["definition"] = FieldTableJson.ToJson(policy.Definition.Table),
        ["priority"] = policy.Priority,
    };
}
