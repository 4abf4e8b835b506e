using System.Globalization;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster;

/// <summary>
/// Network namespaces of this machine, one for each member of a cluster, on a bridge that this process reaches as well. A way from one to another can be cut, in one direction alone too, so that
/// what is sent is silently lost: the sender takes an address of hardware that nobody has for the other's.
/// </summary>
internal sealed class ClusterNamespaces : IAsyncDisposable
{
    private const string Nowhere = "02:00:00:00:00:99";
    private const string Inside = "eth0";
    private static int s_last;
    private readonly string _prefix;
    private readonly List<string> _members = [];

    private ClusterNamespaces(string prefix) => _prefix = prefix;

    /// <summary>Makes them; skips the test if this user may not.</summary>
    /// <param name="members">Names of the members.</param>
    public static async Task<ClusterNamespaces> CreateAsync(IEnumerable<string> members)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "network namespaces are made by root alone");
        Assert.SkipUnless(await TryIpAsync("netns", "list"), "ip is not installed (Debian: iproute2), or there are no network namespaces");
        var network = new ClusterNamespaces(string.Create(CultureInfo.InvariantCulture, $"bt{Environment.ProcessId}-{Interlocked.Increment(ref s_last)}"));
        try
        {
            await IpAsync("link", "add", network._prefix, "type", "bridge");
            await IpAsync("addr", "add", $"{AddressOf(0)}/24", "dev", network._prefix);
            await IpAsync("link", "set", network._prefix, "up");
            foreach (var member in members)
            {
                await network.AddAsync(member);
            }

            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where a member is.</summary>
    public string AddressOf(string member) => AddressOf(_members.IndexOf(member) + 1);

    /// <summary>What the program of a member is started with; it replaces itself by the program.</summary>
    public IReadOnlyList<string> LauncherOf(string member) => ["ip", "netns", "exec", SpaceOf(member)];

    /// <summary>From here on nothing that some members send to others arrives.</summary>
    public Task CutAsync(IEnumerable<string> from, IEnumerable<string> to) =>
        Task.WhenAll(Pairs(from, to).Select(p => InsideAsync(p.From, "neigh", "replace", AddressOf(p.To), "lladdr", Nowhere, "dev", Inside, "nud", "permanent")));

    /// <summary>From here on it does.</summary>
    public Task HealAsync(IEnumerable<string> from, IEnumerable<string> to) => Task.WhenAll(Pairs(from, to).Select(p => InsideAsync(p.From, "neigh", "del", AddressOf(p.To), "dev", Inside)));

    /// <summary>Removes all. Processes that run in them must have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
        {
            await TryIpAsync("netns", "del", SpaceOf(member)); // with its end of the cable goes the other one
        }

        await TryIpAsync("link", "del", _prefix);
    }

    private async Task AddAsync(string member)
    {
        _members.Add(member);
        var (space, cable) = (SpaceOf(member), string.Create(CultureInfo.InvariantCulture, $"{_prefix}.{_members.Count}"));
        await IpAsync("netns", "add", space);
        await IpAsync("link", "add", cable, "type", "veth", "peer", "name", Inside, "netns", space);
        await IpAsync("link", "set", cable, "master", _prefix, "up");
        await InsideAsync(member, "addr", "add", $"{AddressOf(member)}/24", "dev", Inside);
        await InsideAsync(member, "link", "set", Inside, "up");
        await InsideAsync(member, "link", "set", "lo", "up");
    }

    private static string AddressOf(int number) => string.Create(CultureInfo.InvariantCulture, $"10.213.{Environment.ProcessId % 250}.{number + 1}");

    private string SpaceOf(string member) => $"{_prefix}-{member}";

    private static IEnumerable<(string From, string To)> Pairs(IEnumerable<string> from, IEnumerable<string> to) => from.SelectMany(f => to.Where(t => t != f).Select(t => (f, t)));

    private Task InsideAsync(string member, params IEnumerable<string> arguments) => IpAsync(["-n", SpaceOf(member), .. arguments]);

    private static async Task IpAsync(params IReadOnlyList<string> arguments)
    {
        using var process = ChildProcess.Start(["ip", .. arguments]);
        await Wait.For(process.Exited, $"ip {string.Join(' ', arguments)}");
        Assert.True(process.ExitCode == 0, $"ip {string.Join(' ', arguments)}\n{process.Transcript}");
    }

    private static async Task<bool> TryIpAsync(params IReadOnlyList<string> arguments)
    {
        try
        {
            using var process = ChildProcess.Start(["ip", .. arguments]);
            await Wait.For(process.Exited, $"ip {string.Join(' ', arguments)}");
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // there is no such program
        }
    }
}
