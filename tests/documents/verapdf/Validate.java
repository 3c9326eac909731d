import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** veraPDF's opinion of each file as PDF/A-2b: one line a broken rule, "file;clause;test;what", then "file;true" or "file;false". */
public class Validate {
    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        for (String file : files) {
            try (PDFAParser parser = Foundries.defaultInstance().createParser(new FileInputStream(file), PDFAFlavour.PDFA_2_B);
                    PDFAValidator validator = Foundries.defaultInstance().createValidator(PDFAFlavour.PDFA_2_B, false)) {
                ValidationResult result = validator.validate(parser);
                for (TestAssertion found : result.getTestAssertions()) {
                    System.out.println(file + ";" + found.getRuleId().getClause() + ";" + found.getRuleId().getTestNumber() + ";"
                            + found.getMessage().replaceAll("\\s+", " "));
                }
                System.out.println(file + ";" + result.isCompliant());
            }
        }
        System.exit(0);
    }
}
