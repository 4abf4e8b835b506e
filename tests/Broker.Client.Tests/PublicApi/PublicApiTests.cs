using System.Reflection;
using System.Runtime.CompilerServices;
using Broker.Client.Extensions;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Tests.PublicApi;

/// <summary>Nobody changes what others compile against without seeing it.</summary>
public sealed class PublicApiTests
{
    private const string Accept = "BROKER_WRITE_API";

    public static TheoryData<string> Assemblies => [.. s_assemblies.Keys];

    private static readonly Dictionary<string, Assembly> s_assemblies = new[]
    {
        typeof(BrokerClient).Assembly, typeof(IBrokerClientProvider).Assembly, typeof(FieldTable).Assembly, typeof(IQuicTransport).Assembly,
    }.ToDictionary(static assembly => assembly.GetName().Name!);

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void The_public_surface_is_the_one_that_was_agreed_on(string name)
    {
        var file = Path.Combine(Folder(), $"{name}.txt");
        var now = ApiText.Of(s_assemblies[name]);
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            File.WriteAllText(file, now);
        }

        var agreed = File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : "";
        var (before, after) = (agreed.Split('\n'), now.Split('\n'));
        var changes = before.Except(after).Select(static line => $"- {line}").Concat(after.Except(before).Select(static line => $"+ {line}")).ToList();
        Assert.True(
            agreed == now,
            $"The public surface of {name} is not that of tests/Broker.Client.Tests/PublicApi/{name}.txt. If it is meant so, run this test with {Accept}=1, look at the "
            + $"difference, and say in CHANGELOG.md what changes for others.\n{string.Join('\n', changes.DefaultIfEmpty("The order of lines differs."))}");
    }

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
