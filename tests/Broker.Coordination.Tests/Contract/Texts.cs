using System.Globalization;
using System.Text;
using Broker.Storage.Records;

namespace Broker.Coordination.Tests.Contract;

/// <summary>Transactions of texts, and what came of them as one line of text each, so that a difference can be read.</summary>
internal static class Texts
{
    public static MetadataOperation Put(string key, string value, IMetadataLease? lease = null) => MetadataOperation.Put(key, Encoding.UTF8.GetBytes(value), lease?.Id ?? 0);

    public static MetadataOperation Delete(string key) => MetadataOperation.Delete(key);

    public static MetadataTransaction Do(params MetadataOperation[] operations) => new() { Operations = operations };

    public static MetadataTransaction When(this MetadataTransaction transaction, string key, long revision) =>
        transaction with { Conditions = [.. transaction.Conditions, new MetadataCondition(key, revision)] };

    public static string Text(this MetadataValue value) => $"{value.Key}={Encoding.UTF8.GetString(value.Value.Span)}";

    public static string Text(this IEnumerable<MetadataValue> values) => string.Join(' ', values.Select(Text));

    public static string Text(this MetadataSnapshot snapshot) => snapshot.Values.Text();

    /// <summary>Puts, then deletes: <c>a=1 b=2 -c</c>.</summary>
    public static string Text(this MetadataChange change) => string.Join(' ', [.. change.Puts.Select(Text), .. change.Deletes.Select(key => $"-{key}")]);

    /// <summary>With everything that is known of a value, but its bytes only by their number and checksum.</summary>
    public static string Exactly(this MetadataValue value) => string.Create(
        CultureInfo.InvariantCulture,
        $"{value.Key}={value.Value.Length}:{Crc32C.Compute(value.Value.Span):x}@{value.CreateRevision}-{value.ModRevision}{(value.LeaseId == 0 ? "" : $"/{value.LeaseId}")}");

    /// <inheritdoc cref="Exactly(MetadataValue)"/>
    public static string Exactly(this IEnumerable<MetadataValue> values) => string.Join(' ', values.Select(Exactly));

    /// <inheritdoc cref="Exactly(MetadataValue)"/>
    public static string Exactly(this MetadataCommit commit) => $"{(commit.Succeeded ? "done" : "refused")} at {commit.Revision}: {commit.Current.Exactly()}";
}
