using System.Text.Json.Nodes;
using Broker.Actors.Policies;
using Broker.Actors.Users;
using Broker.Machines.Access;

namespace Broker.Actors.Definitions;

/// <summary>Users, permissions, limits and policies.</summary>
internal sealed partial class DefinitionsImport
{
    /// <summary>A user is whoever shows a certificate with its name, so there is nothing to add but what is said of it.</summary>
    private async Task<DefinitionRow> UserAsync(DefinitionEntry entry, CancellationToken token)
    {
        var user = entry.Text("name");
        Check(user, "user");
        var result = DefinitionResult.Unchanged;
        var reasons = new List<string>();
        if (Limit(entry.Inner("limits"), "max-connections") is { } most)
        {
            var row = await SetAsync(entry, node.Access.LimitsOfUser(user), new UserLimits(user, most), () => node.Access.SetAsync(new UserLimits(user, most), token));
            (result, reasons) = (row.Result, row.Reason.Length > 0 ? [$"limits: {row.Reason}"] : reasons);
        }

        if (entry.Flag("disabled"))
        {
            var known = node.Users.Users.FirstOrDefault(u => u.Key == user).Value;
            var row = await SetAsync(entry, known is { Disabled: true } ? known : null, new UserRecord(true, entry.TextOr("reason", "")), async () =>
            {
                await node.Users.SetAsync(user, new UserRecord(true, entry.TextOr("reason", "")), token);
                await UserFollower.DisconnectAsync(node, user);
            });
            result = row.Result == DefinitionResult.Unchanged ? result : row.Result;
        }

        if (entry.Members.Any(m => m is "password_hash" or "password"))
        {
            reasons.Add($"its password is not taken: who shows a certificate with the common name '{user}' is this user");
        }

        if (entry["tags"] is JsonArray { Count: > 0 } or JsonValue)
        {
            reasons.Add("its tags are not taken: the role of administrators stands in their certificates");
        }

        return reasons.Count > 0 && result == DefinitionResult.Unchanged ? NotTaken(entry, string.Join("; ", reasons)) : Row(entry, result, string.Join("; ", reasons));
    }

    private Task<DefinitionRow> PermissionsAsync(DefinitionEntry entry, CancellationToken token)
    {
        var wanted = new Permissions(entry.Text("user"), entry.Vhost, Pattern(entry, "configure"), Pattern(entry, "write"), Pattern(entry, "read"));
        Check(wanted.User, "user");
        return SetAsync(entry, node.Access.PermissionsOf(wanted.User, wanted.Vhost), wanted, () => node.Access.SetAsync(wanted, token));
    }

    private Task<DefinitionRow> TopicAsync(DefinitionEntry entry, CancellationToken token)
    {
        var (user, exchange) = (entry.Text("user"), entry.Text("exchange"));
        Check(user, "user");
        Check(exchange, "exchange");
        return TopicPermissions.TryParse(user, entry.Vhost, exchange, entry.Text("write"), entry.Text("read"), out var wanted, out var problem)
            ? SetAsync(entry, node.Access.TopicOf(user, entry.Vhost, exchange), wanted, () => node.Access.SetAsync(wanted, token))
            : throw new DefinitionException(problem);
    }

    private Task<DefinitionRow> ParameterAsync(DefinitionEntry entry, CancellationToken token)
    {
        switch (entry.Text("component"))
        {
            case "operator_policy":
                return PolicyAsync(entry, entry.Inner("value"), isOperator: true, token);
            case "vhost-limits":
                var limits = entry.Inner("value");
                var wanted = new VhostLimits(entry.Vhost, Limit(limits, "max-connections"), Limit(limits, "max-queues"));
                return SetAsync(entry, node.Access.LimitsOfVhost(entry.Vhost), wanted, () => node.Access.SetAsync(wanted, token));
            case "federation-upstream" or "federation-upstream-set":
                return Task.FromResult(NotTaken(entry, "there is no federation here"));
            case "shovel":
                return Task.FromResult(NotTaken(entry, "there are no shovels here"));
            case var other:
                return Task.FromResult(NotTaken(entry, $"there is no component '{other}' here"));
        }
    }

    private Task<DefinitionRow> PolicyAsync(DefinitionEntry entry, DefinitionEntry values, bool isOperator, CancellationToken token)
    {
        var priority = Math.Clamp(values.Number("priority") ?? 0, int.MinValue, int.MaxValue);
        var declaration = new PolicyDeclaration(
            entry.Vhost, entry.Text("name"), isOperator, values.Text("pattern"), values.TextOr("apply-to", isOperator ? "queues" : "all"), (int)priority, values["definition"]);
        return declaration.TryRead(out var wanted, out var problem)
            ? SetAsync(entry, node.Policies.Get(entry.Vhost, wanted.Name, isOperator), wanted, () => node.Policies.SetAsync(wanted, token))
            : throw new DefinitionException(problem);
    }

    /// <summary>A negative one is none, as in RabbitMQ.</summary>
    private static long? Limit(DefinitionEntry entry, string member) => entry.Number(member) is >= 0 and var limit ? limit : null;
}
